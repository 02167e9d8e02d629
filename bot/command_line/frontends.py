"""`stylus discord` and `stylus slack`: the chat frontends as processes."""

import asyncio
from typing import Annotated

import typer

from bot.command_line.common import Json, print_document, run, settings_for_command
from engine.desk import open_desk
from engine.errors import BadSettings
from engine.processes.delivery_worker import Part, run_frontend
from engine.settings import Settings, Slack
from engine.storage.waiting import opened_once_it_answers

Tied = Annotated[bool, typer.Option(hidden=True, help="End when standard input is closed.")]
Invite = Annotated[bool, typer.Option("--invite", help="Print the address that invites the bot.")]
Manifest = Annotated[bool, typer.Option("--manifest", help="Print the app's manifest for Slack.")]
Optional = Annotated[bool, typer.Option("--optional", help="Without a token, wait idly.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    app.command()(discord)
    app.command()(slack)


def discord(
    invite: Invite = False, optional: Optional = False, tied: Tied = False, as_json: Json = False
) -> None:
    """Run the Discord bot: takes prompts, delivers answers."""
    settings = settings_for_command()
    if not settings.discord.token.get_secret_value():
        if optional:
            return _idle("Discord")
        raise BadSettings(
            "There is no Discord token; set STYLUS_DISCORD__TOKEN to the one that Discord's "
            "developer portal gives for your bot."
        )
    if invite:
        from bot.discord_frontend.connection import invite_url

        url = invite_url(settings.discord.token.get_secret_value())
        print_document({"url": url}) if as_json else typer.echo(url)
        return None
    run(_run_discord(settings, tied=tied))
    if as_json:
        print_document({"role": "discord", "stopped": True})
    return None


async def _run_discord(settings: Settings, *, tied: bool) -> None:
    # Imported here: no other command needs the library, which takes a while to load.
    from bot.discord_frontend import create_bot
    from bot.discord_frontend.connection import log_in, stay_connected
    from bot.discord_frontend.sharding import shard_finder, shard_names

    opened = opened_once_it_answers(lambda: open_desk(settings))
    async with opened as desk, create_bot(desk) as bot:
        await log_in(bot, settings.discord.token.get_secret_value())
        sides = [stay_connected(bot), bot.board.run()]
        names, finder = shard_names(settings.discord), shard_finder(settings.discord)
        await run_frontend(desk, Part("discord", names, finder), sides, tied=tied)


def slack(
    manifest: Manifest = False,
    optional: Optional = False,
    tied: Tied = False,
    as_json: Json = False,
) -> None:
    """Run the Slack app: takes prompts, delivers answers."""
    if manifest:
        from bot.slack_frontend.manifest import manifest as app_manifest

        text = app_manifest(settings_for_command().slack.public_url)
        print_document({"manifest": text}) if as_json else typer.echo(text, nl=False)
        return None
    settings = settings_for_command()
    if not configured(settings, "slack"):
        if optional:
            return _idle("Slack")
        raise BadSettings(_what_slack_needs(settings.slack))
    run(_run_slack(settings, tied=tied))
    if as_json:
        print_document({"role": "slack", "stopped": True})
    return None


async def _run_slack(settings: Settings, *, tied: bool) -> None:
    from bot.slack_frontend import create_app
    from bot.slack_frontend.connection import check_tokens, stay_connected

    async with opened_once_it_answers(lambda: open_desk(settings)) as desk:
        app = create_app(desk)
        await check_tokens(app)
        await run_frontend(desk, Part("slack"), [stay_connected(app), app.board.run()], tied=tied)


def _idle(platform: str) -> None:
    """Plain Procfile runners stop everything as soon as one of their processes ends."""
    typer.echo(f"No {platform} token is set, so there is nothing to do.", err=True)
    run(asyncio.Event().wait())


def _what_slack_needs(slack: Slack) -> str:
    if slack.client_id:
        return (
            f"Slack needs STYLUS_SLACK__{slack.missing.upper()} beside the client id; README.md "
            "says where each comes from."
        )
    return (
        "Slack needs two tokens: set STYLUS_SLACK__TOKEN (xoxb-...) and STYLUS_SLACK__APP_TOKEN "
        "(xapp-...) to those of the app that README.md makes, or for HTTP "
        "STYLUS_SLACK__SIGNING_SECRET in the place of the second."
    )


def configured(settings: Settings, line: str) -> bool:
    """Returns whether a line of the Procfile has what it needs."""
    if line == "slack":
        return not settings.slack.missing
    return line != "discord" or bool(settings.discord.token.get_secret_value())

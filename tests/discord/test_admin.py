"""Settings of a server: for those who may manage it, checked again, written down, obeyed."""

import discord
from simcord.actors import MemberActor

from bot.discord_frontend.people import PLATFORM
from engine.values import Asker, Rules
from tests.discord.atelier import finish
from tests.discord.conftest import Server, ids_of, words_of


def admin_of(server: Server) -> MemberActor:
    """Returns somebody who may manage the server."""
    role = server.guild.create_role("Admins", permissions=discord.Permissions(manage_guild=True))
    return server.guild.add_member(server.env.create_user("eve"), roles=[role])


def asker(server: Server, who: MemberActor) -> Asker:
    return Asker(PLATFORM, str(server.guild.id), str(server.channel.id), str(who.id))


async def rules(server: Server) -> Rules:
    return await server.desk.workspaces.rules(asker(server, server.ann))


async def test_every_setting_is_changed_on_one_screen(discord_server: Server) -> None:
    eve = admin_of(discord_server)
    other = discord_server.guild.create_text_channel("stars")
    role = discord_server.guild.create_role("Artists")
    opened = await eve.slash(discord_server.channel, "stylus-admin settings")
    screen = opened.response
    assert screen
    assert screen.ephemeral
    await eve.select(screen, ["2"], custom_id="stylus:admin:images")
    await eve.select(screen, ["builtin"], custom_id="stylus:admin:checkpoint")
    await eve.select(screen, [discord_server.channel], custom_id="stylus:admin:channels")
    await eve.select(screen, [other], custom_id="stylus:admin:gallery")
    await eve.select(screen, [role], custom_id="stylus:admin:moderators")
    await eve.select(screen, [role], custom_id="stylus:admin:librarians")
    await eve.click(screen, custom_id="stylus:admin:unsafe")
    await eve.click(screen, custom_id="stylus:admin:mentions")
    form = await eve.click(screen, custom_id="stylus:admin:daily")
    await eve.submit_modal(form, {"number": "3"})
    form = await eve.select(screen, [role], custom_id="stylus:admin:quota")
    await eve.submit_modal(form, {"number": "9", "lane": "2"})
    assert await rules(discord_server) == Rules(
        checkpoint="builtin",
        images=2,
        channels=(str(discord_server.channel.id),),
        quotas={str(role.id): 9},
        lanes={str(role.id): 2},
        daily=3,
        unsafe=True,
        mentions=False,
        gallery=str(other.id),
        moderators=str(role.id),
        librarians=(str(role.id),),
    )
    log = await eve.slash(discord_server.channel, "stylus-admin audit")
    assert log.response
    assert f"<@{eve.id}>" in words_of(log.response)
    assert "daily – → 3" in words_of(log.response)
    assert await discord_server.count("audit") == 10


async def test_others_are_refused_even_where_discord_would_let_them(
    discord_server: Server,
) -> None:
    eve = admin_of(discord_server)
    opened = await eve.slash(discord_server.channel, "stylus-admin settings")
    assert opened.response
    assert "stylus:admin:unsafe" in ids_of(opened.response)
    # The button on a message that everybody sees, as a server might forward it.
    screen = await discord_server.channel_message("stylus:admin:unsafe")
    refused = await discord_server.ann.click(screen, custom_id="stylus:admin:unsafe")
    assert refused.ephemeral
    assert refused.response
    assert "Only people who may manage" in words_of(refused.response)
    assert await rules(discord_server) == Rules()


async def test_rules_are_obeyed(discord_server: Server) -> None:
    workspaces, ann = discord_server.desk.workspaces, discord_server.ann
    elsewhere = discord_server.guild.create_text_channel("elsewhere")
    eve = asker(discord_server, admin_of(discord_server))
    await workspaces.change(eve, images=1, daily=1, channels=(str(discord_server.channel.id),))
    refused = await ann.slash(elsewhere, "stylus prompt", text="red star")
    assert refused.ephemeral
    assert refused.response
    assert "not allowed in this channel" in words_of(refused.response)
    request = await discord_server.prompt()
    assert request.image_count == 1
    refused = await ann.slash(discord_server.channel, "stylus prompt", text="red star")
    assert refused.response
    assert "You may ask for 1 images within 24 hours and have 0 left" in words_of(refused.response)
    assert "1 of 1 images" in words_of(
        (await ann.slash(discord_server.channel, "stylus quota")).response
    )
    await ann.slash(discord_server.channel, "stylus cancel")
    await discord_server.prompt("blue star")
    assert await discord_server.count("requests") == 2, "what was cancelled does not count"


async def test_the_moderators_role_may_tidy_up(discord_server: Server) -> None:
    role = discord_server.guild.create_role("Keepers")
    mod = discord_server.guild.add_member(discord_server.env.create_user("mo"), roles=[role])
    await discord_server.desk.workspaces.change(asker(discord_server, mod), moderators=str(role.id))
    request = await discord_server.prompt()
    told = await mod.click(discord_server.last, custom_id=f"stylus:cancel:{request.id}")
    assert told.response
    assert "Cancelled" in words_of(told.response)


async def test_unsafe_adapters_need_the_rule_and_the_channel(discord_server: Server) -> None:
    adults = discord_server.guild.create_text_channel("adults")
    known = discord_server.bot.get_channel(adults.id)
    assert isinstance(known, discord.TextChannel)
    known.nsfw = True  # as an update of the channel says it; the simulation has no such channels
    await discord_server.ann.slash(adults, "stylus prompt", text="red star")
    assert not (await discord_server.newest()).overrides.unsafe
    await discord_server.desk.workspaces.change(
        asker(discord_server, discord_server.ann), unsafe=True
    )
    await discord_server.prompt()
    assert not (await discord_server.newest()).overrides.unsafe
    await discord_server.ann.slash(adults, "stylus prompt", text="red star")
    assert (await discord_server.newest()).overrides.unsafe


async def test_a_star_shows_the_answer_in_the_gallery_once(discord_server: Server) -> None:
    gallery = discord_server.guild.create_text_channel("stars")
    await discord_server.desk.workspaces.change(
        asker(discord_server, discord_server.ann), gallery=str(gallery.id)
    )
    request = await discord_server.prompt(images=2)
    await finish(discord_server.desk, request)
    await discord_server.bob.react(discord_server.last, "⭐")
    assert len(gallery.history()) == 0, "it is stored, and posted by the desk"
    assert await discord_server.desk.deliver_waiting("discord") == 1
    await discord_server.ann.react(discord_server.last, "⭐")
    assert await discord_server.desk.deliver_waiting("discord") == 0
    assert len(gallery.history()) == 1
    assert gallery.last_message
    assert len(gallery.last_message.attachments) == 3
    await discord_server.bob.react(gallery.last_message, "🔁")
    assert (await discord_server.newest()).parent_id == request.id

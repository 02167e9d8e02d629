"""A team: what serves one workspace, over the client that has that workspace's token."""

from bot.board import Board
from bot.slack_frontend.additions import Additions
from bot.slack_frontend.admin import Admin
from bot.slack_frontend.app_home import AppHome
from bot.slack_frontend.background import Background
from bot.slack_frontend.card_import import CardImport
from bot.slack_frontend.clicks import Clicks
from bot.slack_frontend.commands import Commands
from bot.slack_frontend.delivery import Mailman
from bot.slack_frontend.errands import Errands
from bot.slack_frontend.forms import Forms
from bot.slack_frontend.languages import Languages
from bot.slack_frontend.listing import Turning
from bot.slack_frontend.messages import Messages
from bot.slack_frontend.opening import Opener
from bot.slack_frontend.own_commands import OwnCommands
from bot.slack_frontend.posting import Poster
from bot.slack_frontend.reactions import Reactions
from bot.slack_frontend.removal import Removal
from bot.slack_frontend.sharing import Sharing
from bot.slack_frontend.statuses import Statuses
from bot.slack_frontend.tasks import Tasks
from bot.slack_frontend.telling import Telling
from bot.slack_frontend.upkeep import Upkeep
from bot.slack_frontend.web import Web
from engine.desk import ERASE, Desk


class Team:
    """Made by `Teams`; desk, board and background are everybody's."""

    def __init__(self, desk: Desk, board: Board, background: Background, web: Web) -> None:
        self.web = web
        languages = Languages(web)
        poster = Poster(web)
        self.sharing = sharing = Sharing(web, poster)
        self.telling = telling = Telling(web, languages)
        self.errands = errands = Errands(desk, telling, background)
        opener = Opener(desk, board, poster, telling, languages, background)
        removal = Removal(desk, web, poster, sharing)
        self.mailman = mailman = Mailman(desk, board, poster, sharing, telling, languages)
        self.forms = forms = Forms(desk, web, opener, telling)
        self.tasks = tasks = Tasks(desk, web, opener, telling)
        self.additions = additions = Additions(desk, web, sharing, languages)
        self.admin = admin = Admin(desk, web, additions, telling)
        self.upkeep = upkeep = Upkeep(desk, web, additions, telling)
        turning = Turning(desk, web, upkeep, telling)
        own = OwnCommands(desk, mailman, removal, additions, upkeep, turning, languages)
        self.commands = Commands(desk, web, opener, own, forms, admin, telling, errands, background)
        self.clicks = Clicks(
            desk,
            opener,
            removal,
            tasks,
            additions,
            upkeep,
            turning,
            admin,
            telling,
            errands,
            background,
        )
        self.messages = Messages(desk, web, opener, additions, telling, errands)
        self.reactions = Reactions(desk, opener, errands)
        errands.register(ERASE, removal.erase)
        errands.register("import", CardImport(desk, web, poster, languages).take)
        errands.register("rules", admin.save)
        self.statuses = Statuses(poster)
        self.home = AppHome(desk, web, languages)

"""Settings: `config.toml`, then environment variables, which win.

Every key has a default that works on a laptop without GPU, tokens or network. Environment
variables begin with `STYLUS_`; two underscores separate levels (`STYLUS_DATABASE__URL`).
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from engine.settings_rendering import (
    Checkpoint,
    CheckpointName,
    Draft,
    OtherCheckpoint,
    Renderer,
    Sampling,
    Section,
)
from engine.settings_retrieving import Embeddings, Reranker, Retriever
from engine.storage.sealing import split_keys

ENV_PREFIX = "STYLUS_"


def default_home() -> Path:
    """Returns where Stylus keeps its state.

    As root that is no private home: the embedded Postgres runs as a user of its own and opens
    every folder above its data to be passed through.
    """
    return Path("/var/lib/stylus") if os.geteuid() == 0 else Path.home() / ".stylus"


class Database(Section):
    """Postgres 15 or later with pgvector 0.8.4 or later."""

    #: Empty: an embedded Postgres under `home`.
    url: SecretStr = SecretStr("")
    #: Most connections a process opens.
    pool: int = Field(8, ge=2, le=200)


class Limits(Section):
    """What a request may ask for."""

    prompt_characters: int = Field(2000, ge=50, le=9000)
    images: int = Field(8, ge=1, le=16)
    #: Pixels of the longer side.
    side: int = Field(1536, ge=64, le=4096)
    #: Size of a picture that somebody sends, in megabytes and in megapixels.
    picture_megabytes: int = Field(20, ge=1, le=200)
    picture_megapixels: int = Field(16, ge=1, le=150)
    #: Unfinished requests one person may have.
    waiting: int = Field(10, ge=1)
    #: ... one server or workspace ...
    workspace_waiting: int = Field(200, ge=1)
    #: ... and all together; beyond that people are asked to come back later.
    queue: int = Field(2000, ge=1)


class Composer(Section):
    """Who splits the prompt into tasks."""

    default: Literal["local", "llm"] = "local"
    #: File of the local composer's weights, from `stylus composer train`; empty: the shipped ones.
    weights: str = ""
    #: Most adapters a task gets.
    per_task: int = Field(3, ge=1, le=3)
    #: Most adapters a request gets.
    total: int = Field(12, ge=1, le=24)


class Llm(Section):
    """Any OpenAI-compatible server, for the "llm" composer."""

    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    model: str = ""
    #: Seconds for the whole answer; after that the local composer takes over.
    timeout: float = Field(20.0, gt=0, le=300)


class Refiner(Section):
    """Who describes adapters: "text" needs no model, "vision" asks one that sees."""

    default: Literal["text", "vision"] = "text"
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    model: str = ""
    #: Seconds for one card.
    timeout: float = Field(60.0, gt=0, le=300)
    #: Most cards a minute.
    per_minute: int = Field(30, ge=1, le=6000)
    #: Prices of a million tokens, read and written, for the estimate beforehand.
    price_in: float = Field(0.0, ge=0)
    price_out: float = Field(0.0, ge=0)


class Masks(Section):
    """Which adapters are on in which image."""

    #: Most masks considered for one line of rerolls.
    limit: int = Field(4096, ge=1)


class Weights(Section):
    """How strongly adapters act."""

    #: Most that the weights of one image add up to; above it all are reduced alike.
    total: float = Field(2.4, gt=0, le=20)


class Queue(Section):
    """How work is shared between processes."""

    #: Seconds between two signs of life of a worker.
    heartbeat: float = Field(3.0, gt=0, le=60)
    #: Seconds without a sign of life after which a worker's job is given to another.
    stalled: float = Field(10.0, gt=0, le=600)
    #: Seconds between two looks for such jobs.
    rescue: int = Field(5, ge=1, le=30)
    #: How often a stage is tried before the request fails.
    tries: int = Field(3, ge=1, le=10)
    #: Render jobs that one renderer takes up at once.
    concurrency: int = Field(8, ge=1, le=32)


class Discord(Section):
    """The bot on Discord; without a token there is none."""

    #: The bot's token, from Discord's developer portal.
    token: SecretStr = SecretStr("")
    #: A proxy before Discord's API, such as "http://proxy/api/v10"; empty: Discord itself.
    api_url: str = Field("", pattern=r"^(https?://\S+[^/])?$")
    #: Connections that the servers are divided among: 0 takes as many as Discord asks for.
    shards: int = Field(1, ge=0, le=4096)
    #: Which of them this process holds; all where empty.
    shard_ids: tuple[int, ...] = ()
    #: What each reaction on an answer does.
    reroll: str = Field("🔁", min_length=1)
    cancel: str = Field("❌", min_length=1)
    star: str = Field("⭐", min_length=1)
    good: str = Field("👍", min_length=1)
    bad: str = Field("👎", min_length=1)
    mail: str = Field("✉️", min_length=1)

    @field_validator("shard_ids")
    @classmethod
    def _known_shards(cls, ids: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        shards = info.data.get("shards", 1)
        if any(not 0 <= one < shards for one in ids) or len(set(ids)) < len(ids):
            raise ValueError(f"they are numbers from 0 to {shards - 1}, each once")
        return ids


class Slack(Section):
    """The app on Slack; without tokens there is none."""

    #: The bot's token, which begins with xoxb-.
    token: SecretStr = SecretStr("")
    #: The app's token for Socket Mode, which begins with xapp-.
    app_token: SecretStr = SecretStr("")
    #: What Slack signs its requests with, for HTTP instead of Socket Mode.
    signing_secret: SecretStr = SecretStr("")
    #: Where Slack reaches /slack/events by HTTP, such as "https://stylus.example.org".
    public_url: str = Field("", pattern=r"^(https?://\S+[^/\s])?$")
    #: The app's client id and secret, to serve every workspace that adds it at /slack/install ...
    client_id: str = ""
    client_secret: SecretStr = SecretStr("")
    #: ... and what their tokens are sealed with in the database: keys in base64, separated by
    #: spaces; the first seals, all open.
    token_keys: SecretStr = SecretStr("")
    #: Where HTTP requests are taken, at /slack/events.
    listen: str = Field("127.0.0.1:3000", pattern=r"^[^:/\s]+:\d{1,5}$")
    #: Slack's Web API; GovSlack has one of its own.
    api_url: str = Field("https://slack.com/api/", pattern=r"^https?://\S+/$")
    #: What each reaction on an answer does, by Slack's names.
    reroll: str = Field("repeat", min_length=1)
    cancel: str = Field("x", min_length=1)
    star: str = Field("star", min_length=1)
    good: str = Field("+1", min_length=1)
    bad: str = Field("-1", min_length=1)
    mail: str = Field("email", min_length=1)

    @field_validator("token_keys")
    @classmethod
    def _readable_keys(cls, keys: SecretStr) -> SecretStr:
        split_keys(keys.get_secret_value())
        return keys

    @property
    def unfit(self) -> str:
        """Why the one token cannot serve for long; empty where it can."""
        if not _plain(self.token).startswith("xoxe"):
            return ""
        return (
            "slack.token ends within 12 hours: it is of an app with token rotation, which Slack "
            "never switches off. Make a new app from `stylus slack --manifest`, or keep this one "
            "and set slack.client_id in the token's place: tokens of workspaces that add the app "
            "are renewed."
        )

    @property
    def missing(self) -> str:
        """The first setting that an app which is set up in part still lacks; empty where it can
        run."""
        door = "signing_secret" if self.signing_secret.get_secret_value() else "app_token"
        many = ("client_secret", "token_keys", "signing_secret", "public_url")
        needed = many if self.client_id else ("token", door)
        return next((name for name in needed if not _plain(getattr(self, name))), "")


def _plain(value: str | SecretStr) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class Storage(Section):
    """Where images and adapter files are kept."""

    #: Any fsspec URL; empty: a folder under `home`.
    url: str = ""
    #: Megabytes of a remote store's files that a machine keeps copies of.
    cache_mb: int = Field(20_480, ge=16)


class Library(Section):
    """The adapter catalogue."""

    #: Whether adapters without a file here are fetched when a prompt has chosen them; "prefetch"
    #: also fetches the most used ones before.
    remote_adapters: Literal["never", "on demand", "prefetch"] = "never"
    #: Seconds that a prompt waits for such a file.
    remote_seconds: float = Field(60.0, gt=0, le=3600)
    #: Megabytes of disk for files fetched so; the longest unused make room.
    remote_mb: int = Field(10_240, ge=1)
    #: Hosts that LoRA files are fetched from; each admits its subdomains.
    hosts: tuple[str, ...] = ("civitai.com", "huggingface.co", "hf.co", "github.com")
    #: Hosts that those redirect to for the file itself; nobody can name them.
    storage_hosts: tuple[str, ...] = (
        "r2.cloudflarestorage.com",
        "backblazeb2.com",
        "githubusercontent.com",
    )
    #: Where Civitai and Hugging Face are, or a mirror that speaks the same API.
    civitai_url: str = Field("https://civitai.com", pattern=r"^https?://[^\s/]+/?$")
    huggingface_url: str = Field("https://huggingface.co", pattern=r"^https?://[^\s/]+/?$")
    #: Keys of accounts there, for files that want a login.
    civitai_token: SecretStr = SecretStr("")
    huggingface_token: SecretStr = SecretStr("")
    #: Also fetch from private addresses and by plain http: for a store on one's own network.
    private_hosts: bool = False
    #: Largest file that is fetched, in megabytes.
    download_mb: int = Field(2048, ge=1)
    #: Longest that fetching one file may take, in seconds.
    download_seconds: float = Field(900.0, gt=0, le=86400)
    #: Whether adapters of real people may be used where the prompt names them.
    real_people: bool = False
    #: Whether adapters that most people of a workspace dislike are chosen there all the same.
    use_disliked: bool = False


class Moderation(Section):
    """What is made for whom; in chats, channels and their admins decide."""

    #: Whether whoever sits at a terminal of the installation is an adult among adults.
    adults_at_terminal: bool = False


class Retention(Section):
    """How long things are kept; 0 keeps them for good."""

    #: Days after which a request's words, images and thumbs are removed.
    requests: int = Field(0, ge=0)
    #: Days after which its images alone are; starred ones stay.
    images: int = Field(0, ge=0)


class Metrics(Section):
    """What a process tells Prometheus and whoever watches its health."""

    #: Where a process serves /metrics, /healthz and /readyz, or at one of the 15 ports after it;
    #: empty: nowhere.
    listen: str = Field("", pattern=r"^([^:/\s]+:\d{1,5})?$")


class Duels(Section):
    """When a duel is decided."""

    #: Votes that decide it ...
    votes: int = Field(5, ge=1, le=1000)
    #: ... or hours after which those that were cast do.
    hours: float = Field(24.0, gt=0, le=24 * 365)


class Log(Section):
    """What processes write to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    #: One JSON object a line instead of text for people.
    json_lines: bool = False
    #: Prompts are people's words: written to the log only if this is on.
    prompts: bool = False


class Settings(BaseSettings):
    """All settings; frozen."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        env_parse_none_str=None,
    )

    #: Where state is kept; empty: ~/.stylus, or /var/lib/stylus for root.
    home: Path = Field(default_factory=default_home)
    database: Database = Database()
    checkpoint: Checkpoint = Checkpoint()
    checkpoints: dict[CheckpointName, OtherCheckpoint] = {}
    sampling: Sampling = Sampling()
    draft: Draft = Draft()
    limits: Limits = Limits()
    renderer: Renderer = Renderer()
    embeddings: Embeddings = Embeddings()
    retriever: Retriever = Retriever()
    reranker: Reranker = Reranker()
    composer: Composer = Composer()
    llm: Llm = Llm()
    refiner: Refiner = Refiner()
    masks: Masks = Masks()
    weights: Weights = Weights()
    queue: Queue = Queue()
    discord: Discord = Discord()
    slack: Slack = Slack()
    storage: Storage = Storage()
    library: Library = Library()
    moderation: Moderation = Moderation()
    retention: Retention = Retention()
    metrics: Metrics = Metrics()
    duels: Duels = Duels()
    log: Log = Log()

    @property
    def checkpoint_names(self) -> list[str]:
        """All checkpoints that a request may name, the default first."""
        return [self.checkpoint.name, *(n for n in self.checkpoints if n != self.checkpoint.name)]

    @field_validator("home", mode="before")
    @classmethod
    def _expand_home(cls, value: object) -> Path:
        """An empty value is the default, never the folder one happens to stand in."""
        return Path(str(value)).expanduser().absolute() if str(value or "") else default_home()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment wins over the file, whose content arrives as arguments."""
        return env_settings, init_settings

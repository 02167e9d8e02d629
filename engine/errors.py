"""The error tree. Every error carries one sentence that is fit for chat.

StylusError
├── BadInput               the asker can mend it
│   ├── BadPrompt          prompt text refused
│   ├── BadOption          image count, size, seed, weight ... refused
│   ├── NotAllowed         this person may not do that
│   ├── UnknownRequest     no request of that id
│   ├── UnknownAdapter     no adapter of that id
│   ├── UnknownCheckpoint  no checkpoint of that name
│   ├── UnknownAddition    no proposed LoRA of that id
│   ├── BadUrl             a URL that is not fetched
│   └── BadFile            a file that is not what it should be
│       └── BadLora        ... not a LoRA that this renderer can load
├── BadSettings            the operator can mend it
├── Unavailable            a part that does not answer now
│   ├── DatabaseUnavailable
│   ├── SchemaOutdated     `stylus migrate` was not run
│   ├── StorageUnavailable disk full, blob store away
│   ├── DownloadFailed     another server did not give the file
│   ├── EmbedderUnavailable
│   ├── RerankerUnavailable
│   ├── ComposerUnavailable
│   └── CheckpointUnavailable
├── CompositionRefused     a composer's answer that breaks the rules
├── RequestFailed          the request ended without images
│   └── RequestCancelled
└── RenderFailed           the renderer could not finish a batch
"""


class StylusError(Exception):
    """The root. `str(error)` is one sentence: what is wrong, with which input, and what to do."""


class BadInput(StylusError):
    """The asker can mend it."""


class BadPrompt(BadInput):
    """The prompt's text is refused."""


class BadOption(BadInput):
    """An option beside the prompt is refused."""


class NotAllowed(BadInput):
    """This person may not do that."""


class UnknownRequest(BadInput):
    """There is no request of that id."""


class UnknownAdapter(BadInput):
    """There is no adapter of that id."""


class UnknownCheckpoint(BadInput):
    """There is no checkpoint of that name."""


class UnknownAddition(BadInput):
    """There is no proposed LoRA of that id."""


class BadUrl(BadInput):
    """A URL is not fetched."""


class BadFile(BadInput):
    """A file is not what it should be."""


class BadLora(BadFile):
    """A file is no LoRA that the renderer can load onto the checkpoint at hand."""


class BadSettings(StylusError):
    """The operator can mend it in the configuration."""


class Unavailable(StylusError):
    """A part does not answer now."""


class DatabaseUnavailable(Unavailable):
    """Postgres is not reachable or lacks pgvector."""


class SchemaOutdated(Unavailable):
    """The database's schema is not the one this version needs."""


class StorageUnavailable(Unavailable):
    """Images or adapter files cannot be written or read."""


class DownloadFailed(Unavailable):
    """Another server did not give the file."""


class EmbedderUnavailable(Unavailable):
    """The embedder does not answer."""


class RerankerUnavailable(Unavailable):
    """The reranker does not answer."""


class ComposerUnavailable(Unavailable):
    """A composer does not answer."""


class CheckpointUnavailable(Unavailable):
    """A checkpoint's files cannot be loaded."""


class CompositionRefused(StylusError):
    """A composer's answer breaks the rules of a composition."""


class RequestFailed(StylusError):
    """The request ended without images."""


class RequestCancelled(RequestFailed):
    """The request was cancelled by its asker or a moderator."""


class RenderFailed(StylusError):
    """The renderer could not finish a batch."""

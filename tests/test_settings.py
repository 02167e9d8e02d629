"""Settings: what is wrong is refused by name; secrets show nowhere."""

from pathlib import Path

import pytest

from engine.configuration import load_settings
from engine.errors import BadSettings
from engine.settings import Settings, default_home

SECRET = "canary-5ecret"


@pytest.fixture(autouse=True)
def home(clean_environment: Path) -> Path:
    return clean_environment


def write(folder: Path, text: str, name: str = "config.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refusal(path: Path | None = None) -> str:
    with pytest.raises(BadSettings) as caught:
        load_settings(path)
    sentence = str(caught.value)
    assert SECRET not in sentence
    assert SECRET not in repr(caught.value.__cause__)
    assert caught.value.__suppress_context__ or SECRET not in repr(caught.value.__context__)
    return sentence


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("colour = 1", "colour"),
        ("[databases]\nurl = ''", "databases"),
        (f"[database]\nurll = '{SECRET}'", "database.urll"),
        (f"[llm]\napi_keys = '{SECRET}'", "llm.api_keys"),
    ],
)
def test_an_unknown_key_of_the_file_is_named(home: Path, text: str, key: str) -> None:
    path = write(home, text, "other.toml")
    assert refusal(path).startswith(f"Setting {key} (from {path} or the environment) does not")


@pytest.mark.parametrize(
    ("variable", "named"),
    [
        ("STYLUS_COLOUR", "STYLUS_COLOUR"),
        ("STYLUS_DATABASES__URL", "STYLUS_DATABASES__URL"),
        ("STYLUS_DATABASE__URLL", "database.urll"),
        ("STYLUS_DATABASE", "STYLUS_DATABASE"),
    ],
)
def test_an_unknown_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, named: str
) -> None:
    monkeypatch.setenv(variable, SECRET)
    sentence = refusal()
    assert named in sentence
    assert "config.example.toml" in sentence


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[sampling]\nimages = 'many'", "sampling.images"),
        ("[sampling]\nimages = 0", "sampling.images"),
        ("[renderer]\nprecision = 'int4'", "renderer.precision"),
        ("[checkpoint]\nname = '../x'", "checkpoint.name"),
        ("[checkpoints.xl]\nfamily = 'sdxl'", "checkpoints.xl.source"),
        ("[checkpoints.'../x']\nsource = 'a'\nfamily = 'b'", "checkpoints.../x.[key]"),
        ("[queue]\nheartbeat = -1", "queue.heartbeat"),
        ("database = 'postgres://x'", "database"),
        (f"[database]\nurl = ['{SECRET}']", "database.url"),
    ],
)
def test_a_wrong_value_is_named(home: Path, text: str, key: str) -> None:
    write(home, text)
    assert refusal().startswith(f"Setting {key} (from config.toml or the environment) is refused:")


def test_a_file_that_is_missing_or_no_toml_is_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refusal(home / "no.toml") == f"There is no configuration file {home / 'no.toml'}."
    monkeypatch.setenv("STYLUS_CONFIG", "elsewhere.toml")
    assert refusal() == "There is no configuration file elsewhere.toml."
    assert "cannot be read as TOML" in refusal(write(home, "[[["))
    assert "cannot be read as TOML" in refusal(home)


def test_the_llm_composer_needs_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLUS_COMPOSER__DEFAULT", "llm")
    assert refusal().endswith("needs the setting llm.base_url.")
    monkeypatch.setenv("STYLUS_LLM__BASE_URL", "http://localhost:1")
    assert refusal().endswith("needs the setting llm.model.")
    monkeypatch.setenv("STYLUS_LLM__MODEL", "m")
    assert load_settings().composer.default == "llm"


def test_a_reranker_needs_a_name_and_an_api_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().reranker.kind == "none"
    monkeypatch.setenv("STYLUS_RERANKER__KIND", "cross-encoder")
    assert refusal().endswith('"cross-encoder", which needs the setting reranker.model.')
    monkeypatch.setenv("STYLUS_RERANKER__MODEL", "m")
    assert load_settings().reranker.model == "m"
    monkeypatch.setenv("STYLUS_RERANKER__KIND", "api")
    assert refusal().endswith("which needs the setting reranker.base_url.")


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLUS_LLM__API_KEY", SECRET)
    monkeypatch.setenv("STYLUS_DATABASE__URL", f"postgresql://u:{SECRET}@host/db")
    loaded = load_settings()
    assert loaded.llm.api_key.get_secret_value() == SECRET
    for text in (repr(loaded), str(loaded), repr(loaded.llm), str(loaded.model_dump())):
        assert SECRET not in text
    assert SECRET not in loaded.model_dump_json()
    monkeypatch.setenv("STYLUS_QUEUE__TRIES", "many")
    assert "queue.tries" in refusal()


def test_the_environment_wins_over_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(home, "[sampling]\nimages = 2\nsteps = 3")
    monkeypatch.setenv("STYLUS_SAMPLING__IMAGES", "5")
    loaded = load_settings()
    assert (loaded.sampling.images, loaded.sampling.steps) == (5, 3)


def test_the_file_is_found_here_then_in_the_home(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "there").mkdir()
    monkeypatch.setenv("STYLUS_HOME", str(home / "there"))
    write(home / "there", "[sampling]\nimages = 2")
    assert load_settings().sampling.images == 2
    write(home, "[sampling]\nimages = 3")
    assert load_settings().sampling.images == 3
    monkeypatch.setenv("STYLUS_CONFIG", str(write(home, "[sampling]\nimages = 1", "named.toml")))
    assert load_settings().sampling.images == 1


@pytest.mark.parametrize("value", ["", "~/stylus", "relative"])
def test_the_home_is_a_whole_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    monkeypatch.setenv("STYLUS_HOME", value)
    whole = {"": default_home(), "~/stylus": Path.home() / "stylus", "relative": tmp_path / value}
    assert load_settings().home == whole[value]


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().home = Path("/")  # type: ignore[misc]

"""The doctor's word on the check of finished images: told before a renderer refuses to start."""

from pathlib import Path
from typing import Any

import pytest

from engine.operations.doctor import examine_safety, examine_slack
from engine.settings import Settings, Slack


def settings_with(source: str, **renderer: Any) -> Settings:
    base = Settings()
    return base.model_copy(
        update={
            "checkpoint": base.checkpoint.model_copy(update={"source": source, "name": "it"}),
            "renderer": base.renderer.model_copy(update=renderer),
        }
    )


def folder(path: Path, *names: str) -> str:
    path.mkdir(parents=True)
    for name in names:
        (path / name).touch()
    return str(path)


def found(settings: Settings) -> tuple[str, str]:
    finding = examine_safety(settings, "it")
    return finding.state, finding.says


@pytest.mark.usefixtures("clean_environment")
def test_it_is_said_when_nothing_could_look_at_images(tmp_path: Path) -> None:
    plain = folder(tmp_path / "plain")
    assert found(settings_with("builtin"))[0] == "ok"
    assert found(settings_with("builtin", safety="none"))[0] == "warning"
    assert found(settings_with(plain, safety="builtin"))[0] == "warning"
    state, says = found(settings_with(plain))
    assert state == "broken"
    assert 'none would be shown; set renderer.safety = "classifier"' in says


@pytest.mark.usefixtures("clean_environment")
def test_weights_that_are_not_there_are_said(tmp_path: Path) -> None:
    pickled = folder(tmp_path / "pickled")
    folder(tmp_path / "pickled" / "safety_checker", "pytorch_model.bin")
    whole = folder(tmp_path / "whole")
    folder(tmp_path / "whole" / "safety_checker", "model.safetensors")
    assert found(settings_with(whole)) == ("ok", "looks at the images of it")
    state, says = found(settings_with(pickled))
    assert (state, "no .safetensors weights" in says) == ("broken", True)
    nowhere = settings_with(whole, safety="classifier", safety_model=str(tmp_path / "nowhere"))
    assert found(nowhere)[0] == "broken"
    assert found(settings_with(whole, safety="classifier"))[0] == "broken"
    hub = settings_with(whole, safety="classifier", safety_model="somebody/nsfw-detector")
    assert found(hub)[0] == "warning"
    other = settings_with(pickled, safety="diffusers", safety_model=f"{whole}/safety_checker")
    assert found(other)[0] == "ok"


@pytest.mark.usefixtures("clean_environment")
@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "none is needed"),
        ({"token": "xoxb-1"}, "STYLUS_SLACK__APP_TOKEN"),
        ({"token": "xoxb-1", "app_token": "xapp-1"}, "shows whether the app runs"),
        ({"token": "xoxe.xoxb-1", "app_token": "xapp-1"}, "ends within 12 hours"),
    ],
)
def test_what_slack_lacks_is_said(given: dict[str, str], says: str) -> None:
    assert says in examine_slack(Settings(slack=Slack(**given))).says

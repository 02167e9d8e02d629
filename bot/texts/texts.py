"""What the bot says, without the words: each language fills in all of it.

Words in braces are filled in where the text is used; a test holds every language to the same
ones. What the engine says is English; `sentences` says it in the language.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.values import Opponent


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts of one language."""

    #: Names and descriptions of commands, by the English ones.
    commands: dict[str, str]
    #: Sentences and words of the engine, by the English ones; see `bot.texts.sentences`.
    sentences: dict[str, str]

    # Progress
    queued: str
    ahead: str
    eta: str
    composing: str
    planned: str
    rendering: str
    step: str
    no_engine: str
    no_renderer: str
    private_ends: str

    # Answers
    summary_one: str
    summary: str
    composed_by: str
    seconds: str
    request: str
    from_parent: str
    in_all: str
    in_some: str
    in_none: str
    skipped_in: str
    reduced: str
    nothing_fits: str
    alt: str
    sheet: str
    with_adapters: str
    without_adapters: str
    no_adapters: str
    skipped_because: str
    reductions: str
    failed: str
    not_allowed: str
    smaller: str
    kept: str
    cancelled: str
    more: str
    whole_in_file: str

    # Buttons
    reroll: str
    vary: str
    upscale: str
    tasks: str
    compare: str
    why: str
    retry: str
    cancel: str
    delete: str
    render_again: str

    # Duels
    duel_vote: str
    duel_result: str
    duel_alt: str
    #: By what the method is held against, as the next two.
    duel_question: Mapping[Opponent, str]
    duel_alike: Mapping[Opponent, str]
    duel_had: Mapping[Opponent, str]
    duel_counted: str
    duel_once: str
    duel_open: str
    duel_decided: str
    duel_won: str
    duel_lost: str
    duel_drawn: str
    duel_over: str

    # The screen of tasks
    tasks_title: str
    tasks_help: str
    ideas_on: str
    adapters_on: str
    pinned: str
    change_weight: str
    weight_field: str
    nothing_to_choose: str

    # Lists
    why_title: str
    history_title: str
    history_empty: str
    queue_title: str
    queue_open: str
    queue_workers: str
    quota_title: str
    quota_daily: str
    quota_free: str
    quota_waiting: str
    nothing_open: str
    help: tuple[str, ...]
    help_slack: tuple[str, ...]
    shown_here: str
    shown_directly: str
    home_settings: str
    home_library: str
    form_prompt: str
    form_images: str
    form_size: str
    form_seed: str
    form_negative: str
    form_adapters: str
    form_adapters_auto: str
    form_adapters_none: str
    form_more: str
    form_private: str
    form_private_option: str
    form_channel: str
    form_submit: str
    form_close: str
    form_save: str
    set_daily_all: str
    switches: str
    switch_mentions: str
    switch_unsafe: str
    forget: str
    forget_question: str
    forgotten: str
    lora_found: str
    lora_none: str
    lora_list: str
    lora_filters: str
    lora_show: str
    lora_kind: str
    lora_kind_character: str
    lora_kind_person: str
    lora_kind_other: str
    lora_status_filter: str
    page_before: str
    page_after: str
    no_description: str
    triggers: str
    tags: str
    weight: str
    base: str
    creator: str
    preview_of: str
    no_words: str

    # Settings of a server
    settings_title: str
    checkpoint: str
    images: str
    channels: str
    gallery: str
    moderators: str
    librarians: str
    quotas: str
    others: str
    no_limit: str
    as_installed: str
    all_of_them: str
    none: str
    on: str
    off: str
    unsafe: str
    mentions: str
    set_checkpoint: str
    set_images: str
    set_channels: str
    set_gallery: str
    set_moderators: str
    set_librarians: str
    set_quota: str
    set_daily: str
    daily_field: str
    lane_field: str
    lane: str
    audit_title: str
    audit_empty: str

    # LoRAs on their way into the library
    lora_checking: str
    lora_waiting: str
    lora_fetching: str
    lora_fetched: str
    lora_fetched_of: str
    lora_waits_for_check: str
    lora_examined: str
    lora_proposed: str
    lora_refused: str
    lora_by: str
    lora_samples: str
    lora_measured: str
    lora_broken: str
    lora_harmful: str
    lora_lowered: str
    lora_rating: str
    lora_notes: str
    lora_range: str
    lora_rating_field: str
    lora_title: str
    lora_description: str
    lora_edit: str
    lora_edit_use: str
    lora_enable: str
    lora_disable: str
    lora_remove: str
    lora_refine: str
    lora_refining: str
    lora_check_newer: str
    lora_is_newest: str
    lora_newer: str
    lora_uses: str
    lora_saved: str
    lora_approve: str
    lora_reject: str
    lora_exported: str
    lora_importing: str
    lora_imported: str
    lora_imported_removed: str
    lora_imported_left: str
    lora_imported_all: str
    lora_import_how: str
    lora_decided: str
    lora_none_proposed: str
    lora_liked: str
    lora_disliked: str
    lora_left_out: str
    lora_status: str

    # Sentences in answer to what people do
    cancelled_now: str
    ended_already: str
    deleted: str
    thanks: str
    gone: str
    broken: str

"""English."""

from bot.texts.texts import Texts

ENGLISH = Texts(
    queued="Queued",
    ahead="{count} before it",
    eta="about {seconds} s",
    composing="Choosing adapters",
    planned="Waiting for a renderer",
    rendering="Rendering",
    step="step {step} of {steps}",
    no_engine="No engine is running; this is taken up as soon as one is.",
    no_renderer="No renderer is running; this is rendered as soon as one is.",
    private_ends=(
        "This private message cannot be changed much longer. Use /stylus show {id} to see the "
        "answer once it is done."
    ),
    summary_one="1 image",
    summary="{count} images",
    composed_by="{composer} composer",
    seconds="{seconds} s",
    request="request {id}",
    from_parent="from {id}",
    in_all="{weight} in all images",
    in_some="{weight} in {images}",
    in_none="off in all images",
    skipped_in="skipped in {images}",
    reduced="reduced",
    nothing_fits="no adapter fits it well; the checkpoint draws it",
    alt="Image {number} of “{prompt}”, {adapters}.",
    sheet="All {count} images of “{prompt}” in one picture, numbered.",
    with_adapters="with the adapters {adapters}",
    without_adapters="without adapters",
    no_adapters="no adapters",
    skipped_because="“{title}” was skipped: {reason}",
    reductions="Image {number}: weights reduced so that nothing saturates: {changes}.",
    not_allowed=(
        "The images are done, but I may not post files here; allow me to view the channel, send "
        "messages and attach files, then use /stylus show {id}."
    ),
    failed="This did not work.",
    cancelled="Cancelled.",
    whole_in_file="… the whole of it is in the file",
    more="… more under “Why these adapters”",
    reroll="Reroll masks",
    vary="Vary {number}",
    upscale="Upscale {number}",
    tasks="Tasks",
    compare="Compare",
    why="Why these adapters",
    retry="Retry",
    cancel="Cancel",
    delete="Delete",
    render_again="Render again",
    cancelled_now="Cancelled.",
    ended_already="That request has ended already.",
    deleted="Deleted.",
    thanks="Thanks, that is noted for these adapters.",
    gone="That request is not known any more.",
    broken="Something went wrong on our side; try again.",
)

"""The engine: a prompt becomes a composition of LoRA adapters, and that becomes images.

The method (Stylus, arXiv 2404.18928) is readable in the file names, in the order data flows:

    values      Request -> Candidates -> Composition -> Masks -> ImagePlans -> Renderings -> Answer
    phrases     the prompt's ideas, copied from its words
    retriever   the catalogue's candidates for the prompt and for each idea
    composer    tasks: which idea is served by which adapters
    masks       which adapters are on in which image
    weights     how strongly, so that nothing saturates
    plan        one plan an image
    rendering/  the GPU worker: all images in one batch, each with its own adapters
    desk        what a frontend may ask: submit, follow, cancel, deliver

`method.py` is the whole of it in one function.
"""

import os

# Before numpy is imported anywhere: its products here are small, and a second thread, which waits
# for work by spinning, costs three times the processor time and most of the speed beside others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"

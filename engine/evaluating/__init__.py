"""The proof: the method beside its base and its ablations, on the same prompts and seeds.

questions        the prompts, and what their images must show where that is known
world_questions  prompts of the built-in world, with their truth
world_sources    pictures of it to start from, and what their images must keep and show
ways             ways of choosing adapters: the method, its ablations, the paper's rules
gallery          the images on disk, so that an evaluation goes on where it stopped
drawing          draws what the gallery lacks, images of all ways in one batch
model_judge      a vision model that compares two images, in both orders
eyes             who looks at images: the built-in instrument, or CLIP
statistics       intervals by bootstrap and by Wilson
scores           what the eyes saw, as figures
report           all of it as a page with pictures and plots
"""

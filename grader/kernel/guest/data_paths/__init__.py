"""Data wherever a notebook looks for it, by interception: nothing of the submission is edited.

`roles` tells from a path what its writer wanted; `layouts` and `digits` make folders and files of the usual shapes out of
what is served; `paths` joins both and decides; `files`, `readers` and `packages` ask it where Python, libraries of images
and dataset packages open something; `install` puts all in place.
"""

"""Data wherever a notebook looks for it, by interception: nothing of the submission is edited.

`layouts` tells from a path what its writer wanted, and makes folders and files of the usual shapes out of what is served;
`paths` decides what stands in for a path that is not there; `files`, `readers` and `packages` ask it where Python, libraries
of images and dataset packages open something; `install` puts all in place.
"""

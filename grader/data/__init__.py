"""Data on disk: `find` says where a dataset lies, `load` decodes and verifies it, `importing` takes a folder in.

Data is never in git. It is looked for below `--data` / GRADER_DATA, then in `../shared/data` beside the checkout,
then in the user's cache, and MNIST is at last downloaded. Whatever is found is decoded and compared with the
manifest's digests before it is used.
"""

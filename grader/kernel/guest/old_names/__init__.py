"""Old names of Keras, NumPy, TensorFlow and others that only got another name: made to work, and each use told.

`TABLE` is `old_names.toml`: what is old, and what it is today. The modules beside it apply it: `import_paths` to import
paths and attributes of modules, `arguments` to constructors, `fit` and its like, `models` to methods, results and files of
networks, `other_packages` to what is not Keras, `stand_ins` to packages that are not installed. Whatever would change what a
student's code computes is not here: it fails, and the check `executes` explains it.
"""

import tomllib
from pathlib import Path

TABLE = tomllib.loads(Path(__file__).with_name("old_names.toml").read_text(encoding="utf-8"))

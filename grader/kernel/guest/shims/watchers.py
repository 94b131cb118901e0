"""Packages that only show something, watch a training or know a platform, where they are not installed: they do nothing.

Nothing that a notebook computes hangs on them. What they would have drawn is held against nobody: the cells are told.
"""

import sys
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from grader.kernel.guest.callers import asked_by_a_library
from grader.kernel.guest.notes import Notes
from grader.kernel.guest.shims.notebooks import IMPORTERS, Notebooks
from grader.kernel.guest.shims.pictures import SIDES, write_blank

DRAW = set(
    """
    altair ann_visualizer bokeh bqplot chart_studio cufflinks dash dash_bootstrap_components deepreplay dtreeviz folium
    ggplot graphviz gradio hiplot holoviews hvplot ipyplot ipyvolume keras_visualizer livelossplot lets_plot missingno
    mpld3 mplcyberpunk mplfinance netron nn_visualizer panel plotext plotly plotnine pyecharts pygal pydot pydot_ng
    pydotplus scienceplots scikitplot scikitplots streamlit sweetviz tensorwatch torchviz umap_plot vega visualkeras
    tensorflow_docs visualtorch voila wordcloud yellowbrick
    """.split()  # noqa: SIM905
)
WATCH = set(
    """
    aim clearml codecarbon comet_ml dagshub hiddenlayer jovian jupyternotify keras_tqdm knockknock line_profiler
    memory_profiler mlflow neptune notify_run pushbullet pyinstrument sacred snakeviz tensorboardX telegram
    wandb
    """.split()  # noqa: SIM905
)
SHOW = set(
    """
    art autotime beautifultable colorama colored colorlog coloredlogs cowsay emoji halo ipympl ipywidgets itables
    jupyter_dash jupyterthemes lab_black loguru nb_black playsound prettytable pyfiglet pyttsx3 qgrid tabulate termcolor
    texttable watermark winsound yaspin
    """.split()  # noqa: SIM905
)
PROGRESS = {"alive_progress", "enlighten", "fastprogress", "progressbar", "rich"}  # bars around what is gone through
PLATFORM = set(
    """
    GPUtil colab_env colab_xterm condacolab cpuinfo dotenv gputil humanize kaggle
    kaggle_datasets kaggle_secrets kaggle_web_client ngrok nest_asyncio notebook nvidia_smi paperspace py3nvml pyngrok
    pynvml sagemaker tensorflow_cloud
    """.split()  # noqa: SIM905
)
WATCHERS = DRAW | WATCH | SHOW | PROGRESS | PLATFORM
SAVERS = ("file", "filename", "filepath", "fname", "fp", "outfile", "path", "to_file")  # arguments with a file's name
SAVING = ("write_image", "write_html", "write_json", "savefig", "save", "export", "render", "to_file", "layered_view",
          "graph_view", "ann_viz", "html", "output_file", "view")  # fmt: skip


class Nothing:
    """Whatever is done with it does nothing. `used` is called at every use; files that are asked for are blank.

    `around`: what it was put around, as a bar of progress is, and goes through as if it were not there.
    """

    def __init__(
        self, *arguments: Any, used: Callable[[], None] | None = None, name: str = "", around: Any = (), **options: Any
    ) -> None:
        self._used, self._name, self._around = used, name, around

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # IPython and others ask every object for such names
            raise AttributeError(name)
        return Nothing(used=self._used, name=name)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """Nothing again; a function that it is to decorate stays what it is."""
        if self._used is not None:
            self._used()
        if len(arguments) == 1 and not options and isinstance(arguments[0], types.FunctionType):
            return arguments[0]
        paths = [options[name] for name in SAVERS if name in options]
        for path in [*paths, *(arguments if self._name in SAVING else ())]:
            if isinstance(path, str):
                write_blank(path)
        inner = arguments[0] if arguments and isinstance(arguments[0], Iterable) else ()
        return Nothing(used=self._used, around=() if isinstance(inner, (str, Nothing)) else inner)

    def __mro_entries__(self, bases: object) -> tuple[type, ...]:
        return (Nothing,)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._around)

    def __len__(self) -> int:
        return len(self._around) if hasattr(self._around, "__len__") else 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        import numpy

        return numpy.full((SIDES[1], SIDES[0], 3), 255, dtype or "uint8")  # a blank picture

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return ""

    def __getitem__(self, key: object) -> Any:
        return Nothing(used=self._used)

    def __setitem__(self, key: object, value: object) -> None:
        """Forgotten."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        """An error is nobody's here."""

    def _joined(self, other: Any) -> Any:
        return other if isinstance(other, str) else self

    __add__ = __radd__ = __or__ = __ror__ = __and__ = __mul__ = __rmul__ = _joined


class Settings(dict[str, Any]):
    """The settings of a run, which code reads back: `wandb.config`."""

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def update(self, *values: Any, **named: Any) -> None:
        """As a dict's; other arguments are about changes, which nobody minds."""
        named.pop("allow_val_change", None)
        super().update(*[_plain(value) for value in values if not isinstance(value, bool)], **named)


class Run(Nothing):
    """A run that knows its settings alone."""

    def __init__(self, config: Settings) -> None:
        super().__init__()
        self.config = config


class Watchers(MetaPathFinder, Loader):
    """The last finder to be asked: stand-ins for those packages and all their modules.

    `nest`: what `nest_asyncio.apply()` is to do.
    """

    def __init__(self, shell: Any, notes: Notes, nest: Callable[[], None]) -> None:
        self._shell, self._notes, self._config, self._nest = shell, notes, Settings(), nest

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A stand-in's spec; None for all else, and for what is installed."""
        root = fullname.partition(".")[0]
        if root not in WATCHERS | IMPORTERS or PathFinder.find_spec(root) is not None or asked_by_a_library():
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module whose every name does nothing."""
        root = spec.name.partition(".")[0]
        if root in IMPORTERS:
            sys.meta_path.append(Notebooks(self._shell))
        elif spec.name == root:
            self._notes.note(f"`{root}` is not installed: it recorded and drew nothing, and all else went on")
        module = ModuleType(spec.name, f"Stands for {spec.name}, which is not installed.")
        module.__path__ = []
        used = self._notes.leave_undrawn if root in DRAW else None

        def answer(name: str) -> Any:
            if name.startswith("_"):
                raise AttributeError(name)
            return Nothing(used=used, name=name)

        vars(module)["__getattr__"] = answer
        vars(module).update(self._functions(spec.name))
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""

    def _functions(self, name: str) -> dict[str, Any]:
        """What gives something that code goes on with."""
        if name == "wandb":
            return {"config": self._config, "init": self._begin}
        if name == "nest_asyncio":
            return {"apply": lambda *arguments, **options: self._nest()}
        return {"UserSecretsClient": Secrets} if name == "kaggle_secrets" else {}

    def _begin(self, *arguments: object, config: Any = None, **options: object) -> Run:
        """`wandb.init`."""
        self._config.update(_plain(config))
        return Run(self._config)


class Secrets(Nothing):
    """`kaggle_secrets.UserSecretsClient`: no secret is kept here."""

    def get_secret(self, label: str = "") -> str:
        """None, as text."""
        return ""


def plain_progress(module: Any) -> None:
    """`tqdm.notebook` without ipywidgets shows the bars that a terminal would. After its import."""
    if PathFinder.find_spec("ipywidgets") is not None:
        return
    bars: Any = sys.modules["tqdm.std"]
    module.tqdm = module.tqdm_notebook = bars.tqdm
    module.trange = module.tnrange = bars.trange


def _plain(config: Any) -> dict[str, Any]:
    """Settings that were given as a dict, or as an object like those of `argparse`."""
    if isinstance(config, dict):
        return config
    return dict(vars(config)) if hasattr(config, "__dict__") else {}


def without_watchers(callbacks: Any) -> Any:
    """The callbacks of a `fit` that do something."""
    if isinstance(callbacks, (list, tuple)):
        return [callback for callback in callbacks if not isinstance(callback, Nothing)]
    return None if isinstance(callbacks, Nothing) else callbacks

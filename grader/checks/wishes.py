"""Which layers an exercise asks for: by them the right network of several is known. Pure.

The same rubric decides later what each of these is worth; here they only say which network was meant.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grader.checks.architecture import LayerKinds, RequiredLayers
from grader.checks.check import Planned
from grader.checks.kinds import CONVOLUTIONS, DROPOUTS, FORMS, PREPARATION, listed


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """Kinds of layers: how many of each are required, which are ruled out, and (None: all) which are allowed.

    `any_of`: groups of which one is enough.
    """

    required: Mapping[str, int] = field(default_factory=dict)
    forbidden: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    any_of: tuple[tuple[str, frozenset[str]], ...] = ()

    def faults(self, kinds: Iterable[str]) -> tuple[str, ...]:
        """What a network with layers of these kinds has against it, in words that follow "it"."""
        counts = Counter(kinds)
        found = []
        for kind, wanted in self.required.items():
            there = sum(counts[form] for form in (kind, *FORMS.get(kind, ())))
            if there < wanted:
                found.append(f"has {there or 'no'} {kind}{f' of {wanted}' if there else ''}")
        found += [f"has no {name}" for name, group in self.any_of if not group & counts.keys()]
        wrong = [kind for kind in counts if kind in self.forbidden]
        if self.allowed is not None:
            wrong += [kind for kind in counts if kind not in self.allowed | PREPARATION and kind not in wrong]
        if wrong:
            found.append(f"has {listed(wrong)}, which this exercise does not want")
        return tuple(found)


def wishes_of(planned: Iterable[Planned]) -> Wishes:
    """What the checks of a rubric say about layers."""
    required: dict[str, int] = {}
    forbidden: frozenset[str] = frozenset()
    allowed: frozenset[str] | None = None
    any_of: list[tuple[str, frozenset[str]]] = []
    for item in planned:
        if isinstance(item.parameters, RequiredLayers):
            required |= item.parameters.at_least
        elif item.check.name == "forbidden_layers" and isinstance(item.parameters, LayerKinds):
            forbidden |= frozenset(item.parameters.kinds)
        elif item.check.name == "allowed_layers" and isinstance(item.parameters, LayerKinds):
            kinds = frozenset(item.parameters.kinds)
            allowed = kinds if allowed is None else allowed & kinds
        elif item.check.name == "dropout_before_last_dense":
            any_of.append(("Dropout", DROPOUTS))
        elif item.check.name in ("kernel_size", "filters_increase") and not required.keys() & CONVOLUTIONS:
            any_of.append(("convolution", CONVOLUTIONS))
    return Wishes(required=required, forbidden=forbidden, allowed=allowed, any_of=tuple(any_of))

"""A study: what `study.toml` says, checked and frozen.

Paths in the file are relative to the folder it stands in. Unknown keys are refused,
so a misspelt setting never silently means its default.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError, field_validator, model_validator

from edp_core.errors import InputError
from edp_core.settings.analysis import Analysis, Disclosure
from edp_core.settings.base import Name, Settings
from edp_core.settings.encoders import Encoder, GivenVectors, MaeEncoder
from edp_core.settings.genotypes import Genotypes, copies_of
from edp_core.settings.organs import Organ
from edp_core.settings.people import Diagnoses, Participants, Population, TraitTable

PRESETS = Path(__file__).parent / "presets"


class Study(Settings):
    """Everything `study.toml` says; `folder` is where it stands."""

    name: str
    description: str = ""
    simulated: bool = False
    folder: Path = Path()
    store: str = "store"
    participants: Participants
    diagnoses: Diagnoses | None = None
    traits: dict[Name, TraitTable] = {}
    """Other binary tables; each is a vocabulary of its own."""
    organs: dict[Name, Organ]
    encoders: dict[Name, Encoder]
    populations: dict[Name, Population] = {"everyone": Population()}
    population: Name = "everyone"
    """The population this study learns from and shows."""
    analysis: Analysis = Analysis()
    disclosure: Disclosure = Disclosure()
    genotypes: Genotypes | None = None

    @field_validator("populations")
    @classmethod
    def _everyone_is_there(cls, value: dict[str, Population]) -> dict[str, Population]:
        return {"everyone": Population(), **value}

    @field_validator("traits")
    @classmethod
    def _no_taken_name(cls, value: dict[str, TraitTable]) -> dict[str, TraitTable]:
        taken = sorted({"icd10-3", "icd10", "phecode"} & set(value))
        if taken:
            raise ValueError(f"{taken[0]} is a vocabulary already; use another name")
        return value

    @field_validator("organs", "encoders")
    @classmethod
    def _not_empty(cls, value: dict[str, object]) -> dict[str, object]:
        if not value:
            raise ValueError("at least one is needed")
        return value

    @model_validator(mode="after")
    def _names_meet(self) -> Study:
        if self.population not in self.populations:
            raise ValueError(f"population {self.population!r} is not in populations")
        for name, encoder in self.encoders.items():
            unknown = set(encoder.organs) - set(self.organs)
            if unknown:
                raise ValueError(f"encoders.{name}.organs: no organ {sorted(unknown)}")
        return self

    @model_validator(mode="after")
    def _no_rare_carriers(self) -> Study:
        """A count of carriers below the threshold would never be shown."""
        least = copies_of(self.disclosure.threshold)
        given = None if self.genotypes is None else self.genotypes.mac
        if given is not None and given < least:
            raise ValueError(
                f"genotypes.mac must be at least {least}, twice disclosure.threshold: "
                "one person may hold two copies"
            )
        return self

    @model_validator(mode="after")
    def _images_or_vectors(self) -> Study:
        """Every encoder has what it works on: images of its organs, or its own file."""
        used: dict[str, list[str]] = {}
        for organ, name in self.pairs():
            used.setdefault(name, []).append(organ)
            if self.organs[organ].images is None and not self.is_given(name):
                raise ValueError(
                    f"organs.{organ}.images is needed: encoders.{name} works on images"
                )
        for name, organs in used.items():
            encoder = self.encoders[name]
            if isinstance(encoder, GivenVectors) and len(
                {encoder.file(organ) for organ in organs}
            ) < len(organs):
                raise ValueError(
                    f"encoders.{name}.vectors needs {{organ}}: it is one file for "
                    f"{len(organs)} organs"
                )
        bare = [o for o, s in self.organs.items() if s.images is None]
        idle = sorted(set(bare) - {organ for organ, _ in self.pairs()})
        if idle:
            raise ValueError(f"organs.{idle[0]} has neither images nor vectors")
        return self

    def path(self, relative: str) -> Path:
        """Path of the file system for a path written in the study file."""
        return (self.folder / relative).resolve()

    @property
    def fewest_copies(self) -> int:
        """Copies of its rarer allele that the people a variant is tested in must hold.

        Those of ``[genotypes]``, or where the study has none the default.
        """
        settings = self.genotypes or Genotypes(bed="any")
        return settings.fewest_copies(self.disclosure.threshold)

    @property
    def store_path(self) -> Path:
        """Folder of the store."""
        return self.path(self.store)

    def is_given(self, name: str) -> bool:
        """Whether an encoder's vectors come ready made."""
        return isinstance(self.encoders[name], GivenVectors)

    def encoder(self, organ: str, name: str) -> Encoder:
        """An encoder's settings as they are for one organ."""
        settings = self.encoders[name]
        if isinstance(settings, MaeEncoder) and settings.patch is None:
            patch = self.organs[organ].patch
            return settings.model_copy(update={"patch": patch})
        return settings

    def occluded(self) -> list[tuple[str, str]]:
        """Those of `pairs` whose images are looked at with parts left out.

        Their encoders are such that learnt from images with parts left out.
        """
        mae = [p for p in self.pairs() if isinstance(self.encoders[p[1]], MaeEncoder)]
        return mae if self.analysis.occlusion_people else []

    def pairs(self) -> list[tuple[str, str]]:
        """Every (organ, encoder) the study asks for, in the order of the file."""
        return [
            (organ, name)
            for organ in self.organs
            for name, encoder in self.encoders.items()
            if not encoder.organs or organ in encoder.organs
        ]


def load_study(path: Path | str) -> Study:
    """Read a study from its folder or its `study.toml`.

    Raises
    ------
    InputError
        Where the file is missing, is not TOML, or has a key or value that is not
        allowed; the message names the file and the key.
    """
    given = Path(path)
    file = given / "study.toml" if given.is_dir() else given
    if not file.is_file():
        raise InputError(
            f"There is no study at {given}",
            "give the folder that holds study.toml, or make one: "
            "python -m precompute demo DIR",
        )
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}", "mend its permissions"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file} is not TOML: {error}", "mend that line") from error
    if "folder" in content:
        raise InputError(f"{file}: unknown key 'folder'", "remove it")
    try:
        content["organs"] = _with_presets(file, content.get("organs", {}))
        return Study.model_validate({**content, "folder": file.parent.resolve()})
    except ValidationError as error:
        problems = [
            f"{_key(item['loc']) or 'study'}: "
            + ("unknown key" if item["type"] == "extra_forbidden" else item["msg"])
            for item in error.errors()
        ]
        raise InputError(
            f"{file}: " + "; ".join(problems),
            "mend the keys named; docs/study.md lists every setting",
        ) from error


def _with_presets(file: Path, organs: object) -> object:
    """Tables of organs, each laid over its preset."""
    if not isinstance(organs, dict):
        return organs
    return {
        name: _over_preset(file, organ) if isinstance(organ, dict) else organ
        for name, organ in organs.items()
    }


def _over_preset(file: Path, organ: dict[str, object]) -> dict[str, object]:
    name = organ.get("preset")
    if name is None:
        return organ
    known = {path.stem: path for path in sorted(PRESETS.glob("*.toml"))}
    if name not in known:
        raise InputError(
            f"{file}: there is no preset {name!r}", f"there are: {', '.join(known)}"
        )
    preset = tomllib.loads(known[str(name)].read_text(encoding="utf-8"))
    given = organ.get("quality", {})
    if isinstance(given, dict):
        organ = {**organ, "quality": {**preset.get("quality", {}), **given}}
    return {**preset, **organ}


def _key(place: tuple[int | str, ...]) -> str:
    """Key as the file writes it, without the tag pydantic puts after an encoder."""
    parts = [str(part) for part in place]
    if parts[:1] == ["encoders"] and len(parts) > 2:
        del parts[2]
    return ".".join(parts)

"""How a scan is told: columns of its table, figures of a code, settings in words."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from app import chapters, data, explained, linked, vocabulary, widgets
from app.state import Choice
from edp_core.disclosure import about

ORDER = (
    "code", "name", "n_cases", "auc", "log10p", "baseline_auc", "increment",
    "n_controls", "auc_low", "auc_high", "chapter", "sex", "reason",
)  # fmt: skip
TABLE = "scan_table"
"""Key of the table of codes."""
BALANCED = {
    "none": "classes as they are",
    "expected": "classes balanced by SMOTE in closed-form expectation",
    "sampled": "classes balanced by one draw of SMOTE in each fold",
}
ONLY = {"F": "women", "M": "men"}


def how() -> str:
    """How the AUC of every code was computed, in one sentence."""
    analysis = data.study().analysis
    return (
        f"Linear discriminant on the embedding, out of fold ({analysis.folds} folds), "
        f"{BALANCED[analysis.oversampling]}"
    )


def settings(choice: Choice, table: pd.DataFrame, chosen: list[str]) -> str:
    """First line of the table's download."""
    words = [how()]
    if choice.vocabulary:
        words.append(vocabulary.name_of(choice.vocabulary))
    if chosen:
        words.append(f"chapters: {', '.join(chosen)}")
    if of := baseline(table):
        words.append(f"baseline_auc: {of}")
    words.append(f"N={data.seen(choice.organ, choice.encoder)}")
    if table["restricted"].any():
        words.append("n_controls of codes with exclusions are rounded")
    return "; ".join([*words, str(data.study().analysis)])


def baseline(table: pd.DataFrame) -> str:
    """What the baseline AUC is of: “age + sex + BMI”; empty where there is none."""
    return str(table["baseline"].iloc[0]) if len(table) else ""


def columns(table: pd.DataFrame) -> dict[str, ColumnConfig | str | None]:
    """Names and help of the table's columns."""
    of = baseline(table)
    text, number = st.column_config.TextColumn, widgets.figure_column
    found: dict[str, ColumnConfig | str | None] = {
        "code": text("Code", help="Click a row's left edge to pick its code."),
        "name": text("Name", width="medium"),
        "auc": number("AUC", "%.3f", explained.help("auc")),
        "log10p": number("−log₁₀ p", "%.2f", explained.help("wilcoxon")),
        "n_cases": widgets.count_column("Cases", explained.help("n_cases")),
        "n_controls": widgets.count_column("Controls", explained.help("n_controls")),
        "auc_low": number("AUC 95 % from", "%.3f", explained.help("auc")),
        "auc_high": number("to", "%.3f", explained.help("auc")),
        "chapter": text("Chapter", help="Chapter, category or table of the code."),
        "sex": text("Sex", help="Counted in one sex only."),
        "reason": text("Not tested because", help="Empty where it was tested."),
    }
    if not of:  # neither age nor sex nor BMI is known
        return found | {"baseline_auc": None, "increment": None}
    return found | {
        "baseline_auc": number(
            "Baseline AUC",
            "%.3f",
            explained.help("baseline_auc", f"Here: {of}."),
        ),
        "increment": number("Increment", "%+.3f", explained.help("increment")),
    }


def codes(choice: Choice, table: pd.DataFrame, chosen: list[str], *, name: str) -> None:
    """Draw the codes of the chosen chapters; a row picks its code, one is marked.

    Parameters
    ----------
    table
        Of the vocabulary.
    name
        Of the file it is downloaded as.
    """
    listed = within(table, chosen)
    codes = list(listed["code"])
    linked.mark_row(TABLE, codes, choice.code)
    st.dataframe(
        listed.assign(sex=listed["sex"].map(vocabulary.SEXES).fillna("")),
        column_order=ORDER,
        hide_index=True,
        key=TABLE,
        on_select=lambda: linked.picked_row(TABLE, codes),
        selection_mode="single-row",
        column_config=columns(table),
        placeholder=widgets.HIDDEN,
    )
    widgets.table_download(listed, name, settings=settings(choice, table, chosen))


def facts(row: pd.Series) -> None:
    """Figures of one code of the scan."""
    first, second = st.columns(2)
    with first:
        widgets.number("Cases", row["n_cases"], help=explained.help("n_cases"))
        widgets.number(
            "AUC, out of fold",
            row["auc"],
            under=widgets.interval(row["auc_low"], row["auc_high"]),
            help=explained.help("auc", f"{how()}."),
        )
    with second:
        controls = explained.help("n_controls")
        widgets.number("Controls", row["n_controls"], help=controls)
        if of := str(row["baseline"]):
            widgets.number(
                "Baseline AUC",
                row["baseline_auc"],
                under=f"increment {row['increment']:+.3f}",
                help=explained.help("baseline_auc", f"Here: {of}."),
            )
    said = f" Baseline: {of}." if of else ""
    if of and row["sex"]:
        said += " Sex does not vary among those who count, and adds nothing."
    st.caption(
        f"−log₁₀ p = {row['log10p']:.2f} (Wilcoxon, √2-corrected).{said}",
        help=explained.help("wilcoxon"),
    )


def who_counts(row: pd.Series, choice: Choice) -> None:
    """Say who is neither case nor control, and about how many, where anybody is."""
    if not row["restricted"]:
        return
    least = data.study().disclosure.threshold
    total = data.seen(choice.organ, choice.encoder)
    words = []
    if row["sex"]:
        words.append(f"Counted in {ONLY[row['sex']]} only.")
    held = row[["n_cases", "n_controls"]]
    if held.notna().all():
        rest = total - int(held.sum())
        # the controls are rounded: a rest as small as that says nothing
        said = about(rest, least) if rest >= 2 * least else f"fewer than {2 * least}"
        words.append(
            f"Controls: {int(row['n_controls']):,} (rounded) of {total:,} "
            f"participants; {said} do not count: {_reason(row)}."
        )
    st.caption(" ".join(words))


def _reason(row: pd.Series) -> str:
    if row["vocabulary"] != "phecode":
        return "it is not known of them"
    other = ", or the other sex" if row["sex"] else ""
    return f"another code of the exclusion range{other}"


def plot_caption(table: pd.DataFrame, related: tuple[str, ...], organ: str) -> str:
    """What is drawn, of how many codes, and how to read it."""
    tested = int((table["reason"] == "").sum())
    there = {chapters.subject(chapter).name for chapter in table["chapter"].unique()}
    own = [name for name in related if name in there]
    larger = f" Larger: chapters of the {organ} ({', '.join(own)})."
    return (
        f"{tested:,} codes with {data.study().analysis.min_cases} cases or more; click "
        f"a point to pick its code. {how()}. Dashed: AUC 0.5; dotted: p = 0.05 "
        f"divided by {tested:,}. Below 0.5 is chance, whatever its p."
        + (larger if own else "")
    )


def related(choice: Choice) -> tuple[str, ...]:
    """Subjects of the organ's own chapters."""
    preset = data.study().organs[choice.organ].preset
    return chapters.of_organ(choice.organ, preset)


def chapter_filter(table: pd.DataFrame) -> list[str]:
    """Chapters to look at alone, from the URL too; empty means all."""
    names = {chapters.subject(c).name for c in table["chapter"].unique()}
    known = [name for name in chapters.SUBJECTS if name in names]
    options = known + sorted(names - set(known))
    if len(options) < 2:
        return []
    return st.multiselect(
        "Chapters",
        options,
        key="chapters",
        bind="query-params",
        placeholder="all chapters",
        help="Plot and list the codes of these alone. The dotted line goes on counting "
        "every code that was tested.",
    )


def within(table: pd.DataFrame, chosen: list[str]) -> pd.DataFrame:
    """Rows of the chosen chapters; all where none is chosen."""
    if not chosen:
        return table
    names = table["chapter"].map(lambda chapter: chapters.subject(chapter).name)
    return table[names.isin(chosen)]

"""Writes the functions of `maquette.h` as a table that a C program can call them through, so that none is forgotten.

    python3 Tests/C/signatures.py > signatures.h

Each parameter gets a sort, which `values.h` has values for. A type that is new here ends this program with its name.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bindings" / "python" / "tests"))

import header  # noqa: E402

TEXT = header.HEADER.read_text()

#: The objects that a handle can stand for: what is declared as a struct and never defined.
KINDS = sorted(set(re.findall(r"typedef struct maquette_(\w+) maquette_\1;", TEXT)) - {"error"})
STRUCTS = sorted(set(re.findall(r"typedef struct maquette_(\w+) \{", TEXT)))

SORTS = {
    "const char *": "A_TEXT",
    "const char *const *": "A_TEXTS",
    "const void *": "A_FILE",
    "char **": "A_TEXT_OUT",
    "void **": "A_FILE_OUT",
    "char *": "A_BUFFER",
    "int32_t": "A_NUMBER",
    "int64_t": "A_NUMBER",
    "size_t": "A_SIZE",
    "maquette_status": "A_NUMBER",
    "const int64_t *": "NUMBERS",
    "int64_t *": "A_NUMBER_OUT",
    "int32_t *": "A_NUMBER_OUT",
    "size_t *": "A_NUMBER_OUT",
    "double *": "A_NUMBER_OUT",
    "maquette_error **": "AN_ERROR_OUT",
    "const maquette_error *": "AN_ERROR",
    "maquette_error *": "AN_ERROR",
    "void *": "USER_DATA",
    "void (*)(void *)": "A_DESTROY",
    "maquette_event_fn": "AN_EVENT_FUNCTION",
    "maquette_log_fn": "A_LOG_FUNCTION",
    "struct ArrowArrayStream *": "AN_ARROW_STREAM",
}
for kind in KINDS:
    SORTS[f"maquette_{kind} *"] = SORTS[f"const maquette_{kind} *"] = "A_HANDLE"
    SORTS[f"maquette_{kind} **"] = "A_HANDLE_OUT"
for struct in STRUCTS:
    SORTS[f"maquette_{struct} *"] = f"STRUCT_{struct}_OUT"
    SORTS[f"const maquette_{struct} *"] = f"STRUCT_{struct}"

RESULTS = {"maquette_status": "A_STATUS", "void": "NOTHING", "int32_t": "SOME_NUMBER", "const char *": "A_SENTENCE",
           "maquette_stream *": "A_STREAM"}


def parameter(text: str) -> tuple[str, str]:
    """The type of a parameter, and its name."""
    text = " ".join(text.split())
    pointer = re.fullmatch(r"(.*)\(\*(\w+)\)(\(.*\))", text)
    if pointer:
        return re.sub(r"\w+\)$", ")", f"{pointer[1]}(*){pointer[3]}").replace("* )", "*)"), pointer[2]
    found = re.fullmatch(r"(.*?)(\w+)", text)
    assert found, text
    return found[1].strip(), found[2]


def documented() -> dict[str, set[str]]:
    """The statuses that the comment of each function names, also by the name of another function."""
    found = {}
    for comment, name in re.findall(r"/\*\*((?:(?!\*/).)*)\*/\s*[\w\s*]*?\b(maquette_\w+)\s*\(", TEXT, re.DOTALL):
        found[name] = set(re.findall(r"\b(?:MAQUETTE_)?(E_[A-Z0-9_]+)", comment))
        for others in re.findall(r"@return as ([^;.]*)", comment):
            for other in re.findall(r"maquette_\w+", others):
                found[name] |= found[other]
    return found


def main() -> None:
    statuses = documented()
    calls, rows = [], []
    for name, function in header.functions().items():
        inside = function.declaration[function.declaration.index(name) + len(name) :].strip()[1:-1]
        parameters = [parameter(part) for part in header.split(inside)]
        unknown = [type for type, _ in parameters if type not in SORTS]
        result = " ".join(function.declaration[: function.declaration.index(name)].split())
        if unknown or result not in RESULTS:
            sys.exit(f"{name}: Tests/C/signatures.py has no sort for {unknown or result!r}; give it values in values.h")
        arguments, entries = [], []
        for i, (type, word) in enumerate(parameters):
            sort = SORTS[type]
            if sort in ("A_NUMBER", "A_SIZE"):
                arguments.append(f"({type})a[{i}].number")
            elif sort in ("A_DESTROY", "AN_EVENT_FUNCTION", "A_LOG_FUNCTION"):
                arguments.append(f"({type})a[{i}].function")
            else:
                arguments.append(f"a[{i}].pointer")
            kind = re.sub(r"^(const )?maquette_| \*+$", "", type) if sort.startswith("A_HANDLE") else None
            entries.append(f'{{"{word}", {sort}, {f"KIND_{kind}" if kind else -1}}}')
        call = f"{name}({', '.join(arguments)})"
        unused = "" if parameters else "(void)a; "
        body = f"{call}; return 0;" if result == "void" else f"return (intptr_t){call};"
        calls.append(f"static intptr_t call_{name}(const argument *a) {{ {unused}{body} }}\n")
        mask = " | ".join(f"1ull << MAQUETTE_{status}" for status in sorted(statuses.get(name, ()))) or "0"
        rows.append(f'    {{"{name}", {RESULTS[result]}, {len(parameters)}, {{{", ".join(entries)}}}, {mask}, call_{name}}},\n')
    kinds = ", ".join(f"KIND_{kind}" for kind in KINDS)
    structs = "".join(f", STRUCT_{struct}, STRUCT_{struct}_OUT" for struct in STRUCTS)
    sorts = sorted(sort for sort in set(SORTS.values()) if not sort.startswith("STRUCT_"))
    destroys = ", ".join(
        f'{{"{kind}", {f"maquette_{kind}_destroy" if f"maquette_{kind}_destroy" in header.functions() else "0"}}}'
        for kind in KINDS
    )
    destroys = re.sub(r"(maquette_\w+_destroy)", r"(void (*)(void *))\1", destroys)
    most = max(row.count('{"') for row in rows) - 1
    print("/* Written by Tests/C/signatures.py from maquette.h. */")
    print(f"enum kind {{ {kinds}, KINDS }};")
    print(f"enum sort {{ {', '.join(sorts)}{structs} }};")
    print(f"enum result {{ {', '.join(RESULTS.values())} }};")
    print("typedef union argument { void *pointer; void (*function)(void); int64_t number; } argument;")
    print("typedef struct parameter { const char *name; enum sort sort; int kind; } parameter;")
    print(f"enum {{ PARAMETERS = {most} }};")
    print("typedef struct function { const char *name; enum result result; int count; parameter parameters[PARAMETERS];")
    print("  uint64_t statuses; intptr_t (*call)(const argument *); } function;")
    print(f"static const struct {{ const char *name; void (*destroy)(void *); }} kinds[] = {{{destroys}}};")
    print("".join(calls), end="")
    print(f"static const function functions[] = {{\n{''.join(rows)}}};")


main()

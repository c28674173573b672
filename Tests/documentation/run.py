"""Compiles and runs every code block of the README and of docs/.

    Tests/documentation/run.py [python] [c] [swift]

Blocks of a page share their names, as one program would: those of Python run one after the other, those of Swift are one
main.swift. A block of C is a program where it has a `main`; else its lines stand in one, as do those of Swift that begin
without an import, among the names of `Tests/documentation/prelude.*`. A page is in order when all of them end well.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / "build" / "documentation"
PAGES = [ROOT / "README.md", ROOT / "bindings/python/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The line that each block of a language begins in, and its text."""
    text = page.read_text(encoding="utf-8")
    return [
        (text.count("\n", 0, match.start(2)) + 1, match[2]) for match in BLOCK.finditer(text) if match[1] == language
    ]


def name(page: Path) -> str:
    return re.sub(r"\W+", "_", str(page.relative_to(ROOT).with_suffix("")))


def run(command: list[str | Path], **options: object) -> str | None:
    """What a command said where it failed; nothing where it did not."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False, **options)  # type: ignore[call-overload]
    return None if done.returncode == 0 else f"{done.stdout[-4000:]}{done.stderr[-8000:]}"


def environment() -> dict[str, str]:
    library = os.environ.get("MAQUETTE_LIBRARY", str(ROOT / "build" / "libmaquette.so.0"))
    return {**os.environ, "MAQUETTE_LIBRARY": library, "MPLBACKEND": "Agg"}


def run_python(page: Path) -> str | None:
    """One program of the prelude and all blocks; their lines keep their numbers, so that an error names the page's."""
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "program.py"
        program.write_text(
            "import asyncio, ast, inspect, sys\n"
            "names = {'__name__': '__main__'}\n"
            f"exec(compile(open({str(HERE / 'prelude.py')!r}).read(), 'prelude.py', 'exec'), names)\n"
            f"for line, text in {blocks(page, 'python')!r}:\n"
            f"    code = compile('\\n' * (line - 1) + text, {str(page)!r}, 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)\n"
            "    done = eval(code, names)\n"
            "    if inspect.iscoroutine(done): asyncio.run(done)\n",
            encoding="utf-8",
        )
        return run([sys.executable, program], cwd=directory, env=environment())


def run_c(page: Path) -> str | None:
    for number, (line, text) in enumerate(blocks(page, "c")):
        source = BUILD / f"{name(page)}_{number}.c"
        if "int main(" in text:
            source.write_text(f'#line {line} "{page}"\n{text}')
        else:
            before, after = (HERE / "prelude.c").read_text().split("/* the block */\n")
            source.write_text(f'{before}#line {line} "{page}"\n{re.sub("^#include.*$", "", text, flags=re.MULTILINE)}{after}')
        program = source.with_suffix("")
        strict = ["-std=c99", "-Wall", "-Wextra", "-pedantic", "-Werror", f"-I{ROOT / 'include'}"]
        link = [f"-L{ROOT / 'build'}", "-lmaquette", f"-Wl,-rpath,{ROOT / 'build'}"]
        with tempfile.TemporaryDirectory() as directory:
            failed = run(["gcc", *strict, source, *link, "-o", program]) or run([program], cwd=directory)
        if failed:
            return failed
    return None


def run_swift(pages: list[Path]) -> dict[Path, str | None]:
    """All pages are one package, so that Maquette is built once."""
    package = BUILD / "swift"
    shutil.rmtree(package / "Sources", ignore_errors=True)
    targets = []
    for page in pages:
        target = name(page)
        targets.append(f'.executableTarget(name: "{target}", dependencies: [.product(name: "Maquette", package: "maquette")])')
        sources = package / "Sources" / target
        sources.mkdir(parents=True)
        parts = blocks(page, "swift")
        main = "".join(f'#sourceLocation(file: "{page}", line: {line})\n{text}' for line, text in parts)
        shutil.copy(HERE / "prelude.swift", sources / "prelude.swift")
        (sources / "main.swift").write_text(main, encoding="utf-8")
    listed = ",\n    ".join(targets)
    (package / "Package.swift").write_text(
        "// swift-tools-version: 6.2\nimport PackageDescription\n\n"
        f'let package = Package(name: "documentation", dependencies: [.package(name: "maquette", path: "{ROOT}")],\n'
        f"  targets: [\n    {listed}\n  ])\n",
        encoding="utf-8",
    )
    # Beside the examples' build: what is Maquette's is the same.
    scratch = ROOT / "examples/swift/.build"
    failed = run(["swift", "build", "--package-path", package, "--scratch-path", scratch, "--configuration", "release"])
    if failed:
        return dict.fromkeys(pages, failed)
    outcomes: dict[Path, str | None] = {}
    for page in pages:
        with tempfile.TemporaryDirectory() as directory:
            outcomes[page] = run([scratch / "release" / name(page)], cwd=directory)
    return outcomes


def main(languages: list[str]) -> int:
    BUILD.mkdir(parents=True, exist_ok=True)
    failures = 0
    for language in languages:
        pages = [page for page in PAGES if blocks(page, language)]
        outcomes = run_swift(pages) if language == "swift" else {}
        for page in pages:
            if language != "swift":
                outcomes[page] = run_python(page) if language == "python" else run_c(page)
            failed = outcomes[page]
            shown = page.relative_to(ROOT)
            print(f"{'FAIL' if failed else 'pass'}  {language:<6}  {shown}  ({len(blocks(page, language))} blocks)", flush=True)
            if failed:
                failures += 1
                print(failed)
        if not pages:
            failures += 1
            print(f"no page has a block of {language}")
    print(f"documentation: {failures} pages failed" if failures else "documentation: every block runs")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["python", "c", "swift"]))

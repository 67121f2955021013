#!/usr/bin/env python3
"""Breaks the library in random places, one at a time, and sees whether a unit test fails.

    tests/mutation/mutate.py [--count 200] [--seed 1] [--results build/mutation/results.jsonl]

Works on a copy of the sources under build/mutation. A place is one token of code in a .cpp or
-inl.h file of core, kernels, ops, nn or optim; comments, texts, preprocessor lines, the op tables'
samples and costs, and code that only speaks (raise) are left out. A mutant is killed when it does
not compile, or a unit test fails, crashes or does not end. Results are appended line by line, and
a run that is started again goes on behind the last one. tests/mutation/survivors.txt names those
that live for a good reason: they change no result. Exit code 0 when at least 90 % of the mutants
that are not named there are killed.
"""
import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "build" / "mutation"
FOLDERS = ["core", "kernels", "ops", "nn", "optim"]
# What a token becomes. The first that fits is taken; the words around tell what it means.
SWAPS = {
    "+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">",
    "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "*=": "/=",
    "++": "--", "true": "false", "false": "true", "min": "max", "max": "min",
}
TOKEN = re.compile(r"\+\+|\+=|-=|\*=|==|!=|<=|>=|&&|\|\||->|<<|>>|[A-Za-z_]\w*|\d[\w.]*|[-+*/<>\[\]]|\S")


def blank(text):
    """The text with comments, strings and preprocessor lines as spaces."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group())
    text = re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', spaces, text, flags=re.S)
    text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", spaces, text, flags=re.M)
    text = re.sub(r"\braise(_\w+)?\s*<[^;]*;|\braise_\w+\([^;]*;|static_assert\([^;]*;", spaces, text)
    table = re.search(r"^ *(namespace \{\n+ *)?using Inputs =|\bstd::vector<Sample> ", text, flags=re.M)
    if table:
        text = text[:table.start()] + re.sub(r"[^\n]", " ", text[table.start():])
    return text


def places(path):
    """(offset, token, replacement) for all that can be changed in one file."""
    code = blank(path.read_text())
    tokens = [(m.start(), m.group()) for m in TOKEN.finditer(code)]
    found = []
    for i, (at, token) in enumerate(tokens[1:-1], 1):
        before, after = tokens[i - 1][1], tokens[i + 1][1]
        left = code[at - 1] if at else " "
        operand_before = re.match(r"[\w\])]", before[-1:]) and before not in ("return", "case", "else")
        line = code[code.rfind("\n", 0, at) + 1:code.find("\n", at)]
        if re.match(r"\s*(template|using|namespace|class|struct|enum|#)\b", line):
            continue
        if token in ("<", ">") and not (left == " " and code[at + 1:at + 2] == " "):
            continue  # a template's brackets
        if token in ("*", "-", "+", "/") and not (operand_before and left == " " and code[at + 1:at + 2] == " "):
            continue  # a pointer, a sign
        if token in SWAPS:
            if token in ("min", "max") and after not in ("(", "<"):
                continue
            found.append((at, token, SWAPS[token]))
        elif token == "[" and operand_before and re.match(r"[A-Za-z_]\w*$", after) and tokens[i + 2][1] == "]":
            found.append((tokens[i + 1][0], after, after + " + 1"))  # another index
        elif re.fullmatch(r"\d+", token) and not re.match(r"[<\[]", before) and len(token) < 4:
            found.append((at, token, str(int(token) + 1)))
        elif token == "return" and after not in (";", "{"):
            end = code.find(";", at)
            value = code[at + 6:end].strip()
            if re.fullmatch(r"[\w.>\-]+\(.*\)|\w+", value) and "\n" not in value and value not in ("true", "false", "out", "nullptr"):
                found.append((at, code[at:end], f"return {{}}"))
    return found


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / "tinytorch" / folder).rglob("*")):
            if path.suffix == ".cpp" or path.name.endswith("-inl.h"):
                yield path


def call(command, timeout, cwd=None):
    """The exit code, 124 for one that did not end, and what was printed."""
    try:
        done = subprocess.run(command, cwd=cwd, timeout=timeout, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        return 124, (late.stdout or b"").decode(errors="replace")


def prepare(tree, build):
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in files.stdout.split("\n"):
        source, target = ROOT / name, tree / name
        if name and source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
    code, text = call(["cmake", "-S", str(tree), "-B", str(build), "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                       "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -fsanitize=address", "-DTINYTORCH_ONE_TARGET=ON", "-DTINYTORCH_TOOL=OFF",
                       "-DTINYTORCH_WERROR=OFF", "-DTINYTORCH_TESTS=ON"], 600)
    if code == 0:
        code, text = call(["cmake", "--build", str(build), "--target", "tinytorch_tests"], 7200)
    if code:
        sys.exit(f"the copy does not build:\n{text[-3000:]}")


def tiers(build):
    """The unit tests by the time that each takes in the unchanged copy: most mutants die among the
    quick ones, within a second."""
    report = build / "tests.json"
    code, text = call([str(build / "tinytorch_tests"), f"--gtest_output=json:{report}"], 3600)
    if code:
        sys.exit(f"the unchanged copy fails its tests:\n{text[-3000:]}")
    timed = []
    for suite in json.loads(report.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            if test["status"] == "RUN":
                timed.append((float(test["time"].rstrip("s")), f"{suite['name']}.{test['name']}"))
    bounds = [0.05, 1, 1e9]
    tiers = []
    for low, high in zip([0, *bounds], bounds):
        tier = sorted((seconds, name) for seconds, name in timed if low <= seconds < high)
        # A mutant may loop without end; a busy machine is slow at times.
        tiers.append(([name for _, name in tier], 30 + 8 * sum(seconds for seconds, _ in tier)))
    return tiers


def judge(build, tests):
    """What kills the mutant in the build folder, or None."""
    code, text = call(["cmake", "--build", str(build), "--target", "tinytorch_tests"], 3600)
    if code == 124:
        sys.exit("the build does not end: start again when the machine is free")
    if code:
        return "compiler"
    for tier, seconds in tests:
        code, text = call([str(build / "tinytorch_tests"), f"--gtest_filter={':'.join(tier)}", "--gtest_fail_fast"],
                          seconds)
        if code:
            failed = re.findall(r"^\[  FAILED  \] ([\w./]+)", text, flags=re.M)
            running = re.findall(r"^\[ RUN      \] ([\w./]+)", text, flags=re.M)
            return failed[0] if failed else f"{running[-1] if running else 'start'} (crash or no end)"
    return None


def excused():
    known = {}
    path = Path(__file__).with_name("survivors.txt")
    name = None
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.startswith("    "):
            known[name] = line.strip()
        elif line and not line.startswith("#"):
            name = line
    return known


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="show the places and do nothing")
    parser.add_argument("--results", type=Path, default=WORK / "results.jsonl")
    options = parser.parse_args()
    every = [(path, *place) for path in sources() for place in places(path)]
    chosen = random.Random(options.seed).sample(every, min(options.count, len(every)))
    described = []
    for path, at, token, other in chosen:
        text = path.read_text()
        line = text.count("\n", 0, at) + 1
        source = text.split("\n")[line - 1].strip()
        name = f"{path.relative_to(ROOT)} `{source}` {token} -> {other}"
        described.append((path, at, token, other, line, name))
    if options.list:
        print(f"{len(every)} places")
        for item in described:
            print(f"{item[4]:4} {item[5]}")
        return 0
    WORK.mkdir(parents=True, exist_ok=True)
    done = {}
    if options.results.exists():
        for line in options.results.read_text().splitlines():
            item = json.loads(line)
            done[item["mutant"]] = item["killed_by"]
    tree, build = WORK / "tree", WORK / "out"
    prepare(tree, build)
    tests = tiers(build)
    for i, (path, at, token, other, line, name) in enumerate(described, 1):
        if name in done:
            continue
        target = tree / path.relative_to(ROOT)
        text = path.read_text()
        assert text[at:at + len(token)] == token, (path, at, token)
        target.write_text(text[:at] + other + text[at + len(token):])
        start = time.time()
        try:
            done[name] = judge(build, tests)
        finally:
            target.write_text(text)
        with options.results.open("a") as out:
            out.write(json.dumps({"mutant": name, "line": line, "killed_by": done[name]}) + "\n")
        print(f"{i:4}/{len(described)} {time.time() - start:5.0f} s  {done[name] or 'ALIVE'}: {name}", flush=True)
    known = excused()
    alive = [item for item in described if done[item[5]] is None]
    unexcused = [item for item in alive if item[5] not in known]
    killed = len(described) - len(alive)
    print(f"{killed} of {len(described)} mutants were killed, {len(alive) - len(unexcused)} change no result")
    for item in unexcused:
        print(f"ALIVE {item[0].relative_to(ROOT)}:{item[4]}: {item[5]}")
    return 0 if killed >= 0.9 * (len(described) - (len(alive) - len(unexcused))) else 1


if __name__ == "__main__":
    sys.exit(main())

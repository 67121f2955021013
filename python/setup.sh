#!/bin/sh
# Installs the Python package, or takes it away: `./tito python install` starts this.
#   setup.sh install|uninstall|build [--target DIR] [--json]
# Where it goes without --target: into the active virtual environment, else the user's own
# site-packages. Nothing of the system's Python is touched and pip is not needed; pip lists the
# package and can remove it all the same.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P) || exit 3
build=$root/build/release
say() { printf 'tito: %s\n' "$*" >&2; }

action=${1:-}
[ $# = 0 ] || shift
target='' json=''
while [ $# -gt 0 ]; do
  case $1 in
    --target) target=${2:?}; shift ;;
    --json) json=yes ;;
    *) say "python: unknown argument '$1'"; exit 2 ;;
  esac
  shift
done

# Debian's own python3, even where another stands first on PATH: that one has NumPy.
if [ -n "${VIRTUAL_ENV:-}" ] && [ -x "$VIRTUAL_ENV/bin/python3" ]; then
  python=$VIRTUAL_ENV/bin/python3
elif [ -x /usr/bin/python3 ]; then
  python=/usr/bin/python3
else
  python=$(command -v python3) || { say 'python: there is no python3'; exit 3; }
fi

# place: the folder that the package goes to.
place() {
  if [ -n "$target" ]; then
    mkdir -p "$target" && (CDPATH='' cd -- "$target" && pwd -P)
  elif [ -n "${VIRTUAL_ENV:-}" ]; then
    "$python" -c 'import sysconfig; print(sysconfig.get_paths()["platlib"])'
  else
    "$python" -c 'import site, sys
if site.ENABLE_USER_SITE is False:
    sys.exit("tito: this Python ignores packages of users; give a folder: --target DIR")
print(site.getusersitepackages())'
  fi
}

build_package() {
  mkdir -p "$build" && (: >>"$build/tito.lock") 2>/dev/null || { say "cannot write to $build"; exit 3; }
  if command -v flock >/dev/null 2>&1; then  # one build at a time in this folder
    exec 9>"$build/tito.lock"
    flock -n 9 || { say 'another build runs there; waiting for it'; flock 9; }
  fi
  set -- "-DTINYTORCH_PYTHON=ON" "-DPython_EXECUTABLE=$python"
  # Another Python than the last time: what was found about that one is forgotten.
  if ! grep -qsF "Python_EXECUTABLE:UNINITIALIZED=$python" "$build/CMakeCache.txt"; then
    set -- -U 'Python_*' -U '_Python_*' "$@"
  fi
  (cd "$root" && cmake --preset release --log-level=WARNING "$@") >&2 || {
    say 'python: configuring failed (above); it needs the packages python3-dev and pybind11-dev'
    exit 3
  }
  cmake --build "$build" --target tinytorch_python >&2 || {
    say 'python: the build failed (above)'
    exit 3
  }
  version=$(sed -n 's/^CMAKE_PROJECT_VERSION:[A-Z]*=//p' "$build/CMakeCache.txt")
}

# What pip needs to know the package by.
write_info() {
  mkdir -p "$1" || return 1
  printf 'Metadata-Version: 2.1\nName: tinytorch\nVersion: %s\nSummary: %s\n' "$version" \
    'A small and fast ML framework for CPUs' >"$1/METADATA"
  printf 'tito\n' >"$1/INSTALLER"
  printf 'tinytorch\n' >"$1/top_level.txt"
  (cd "$1/.." && find tinytorch "$(basename "$1")" -type f | sed 's/$/,,/') >"$1/RECORD.new" &&
    printf '%s/RECORD,,\n' "$(basename "$1")" >>"$1/RECORD.new" &&
    grep -v 'RECORD\.new' "$1/RECORD.new" >"$1/RECORD" && rm "$1/RECORD.new"
}

remove_from() {
  rm -rf "$1/tinytorch" "$1"/tinytorch-*.dist-info
}

report() {
  if [ -n "$json" ]; then
    printf '{"%s": "%s", "python": "%s"}\n' "$1" "$2" "$python"
  else
    printf '%s %s\n' "$1" "$2"
  fi
}

case $action in
  build)
    build_package
    report built "$build/python/tinytorch" ;;
  install)
    build_package
    folder=$(place) && mkdir -p "$folder" || exit 3
    # Complete beside the old one first, so that a full disk leaves that as it was.
    rm -rf "$folder/tinytorch.new"
    if ! cp -R "$build/python/tinytorch" "$folder/tinytorch.new"; then
      rm -rf "$folder/tinytorch.new"
      say "python: cannot write to $folder"
      exit 4
    fi
    find "$folder/tinytorch.new" -name __pycache__ -prune -exec rm -rf {} +
    remove_from "$folder"
    mv "$folder/tinytorch.new" "$folder/tinytorch" &&
      write_info "$folder/tinytorch-$version.dist-info" || exit 4
    (cd / && PYTHONPATH=$folder "$python" -B -c 'import tinytorch; tinytorch.zeros(1)') >&2 || {
      say 'python: the package was copied, but does not import (above)'
      exit 1
    }
    report installed "$folder/tinytorch" ;;
  uninstall)
    folder=$(place) || exit 3
    if [ ! -d "$folder/tinytorch" ]; then
      say "python: there is no package in $folder"
      exit 1
    fi
    remove_from "$folder"
    report removed "$folder/tinytorch" ;;
  *)
    say 'python: say install, uninstall or build'
    exit 2 ;;
esac

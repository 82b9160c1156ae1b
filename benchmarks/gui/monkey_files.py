"""Files a monkey may drop or open: good ones, broken ones, and some of each kind that can be opened."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from ndestudio.paths import examples_dir


def make_files(folder: Path) -> list[str]:
    """Write them; returns their paths, in an order that does not change."""
    folder.mkdir(parents=True, exist_ok=True)
    t = np.linspace(0.0, 10.0, 60)
    rows = [f"{a:.3f},{np.sin(a):.5f},{np.cos(a):.5f}" for a in t]
    head = "time [s],x [mg],y"
    texts = {
        "good.csv": "\n".join([head, *rows]),
        "semicolon.csv": "\n".join([head, *rows]).replace(".", "@").replace(",", ";").replace("@", ","),
        "tabs.tsv": "\n".join([head, *rows]).replace(",", "\t"),
        "second.csv": "\n".join([head, *rows[::2]]),
        "grouped.csv": "\n".join(["id,t,x", *(f"{k},{a:.2f},{np.sin(a + ord(k)):.4f}" for k in "abc" for a in t)]),
        "other columns.csv": "\n".join(["t,u,v", *rows]),
        "no header.csv": "\n".join(rows),
        "empty.csv": "",
        "only head.csv": head,
        "one row.csv": f"{head}\n{rows[0]}",
        "text.csv": "a,b\nhello,world\nthis,is no data\n",
        "ragged.csv": f"{head}\n1,2\n1,2,3,4\n{rows[3]}\n",
        "gaps.csv": f"{head}\n0,1,\n1,,2\n2,nan,3\n3,4,5\n4,5,inf\n",
        "backwards.csv": "\n".join([head, *rows[::-1]]),
        "repeated.csv": "\n".join([head, *(rows[3] for _ in range(9))]),
        "huge numbers.csv": "\n".join([head, *(f"{a},{10.0 ** (30 * a)},{-(10.0 ** (30 * a))}" for a in range(10))]),
        "names.csv": "\n".join(["t,1 x,sin,d(x)/dt,x,x", *(f"{r},1,2,3" for r in rows)]),
        "bad spec.toml": "[model]\nequations = 3\n[nonsense]\n",
        "no toml.toml": "= = =",
        "bad project.nde": "this is no zip",
        "notes.docx": "what is this",
        "ünï çödé.csv": "\n".join(["zeit,größe", *(f"{a},{a * a}" for a in range(20))]),
    }
    for name, text in texts.items():
        (folder / name).write_text(text + "\n" if text else text, encoding="utf-8")
    (folder / "latin.csv").write_bytes("zeit;größe\n1;2\n2;3\n3;5\n".encode("latin-1"))
    (folder / "noise.csv").write_bytes(np.random.default_rng(0).bytes(2000))
    (folder / "noise.xlsx").write_bytes(np.random.default_rng(1).bytes(2000))
    (folder / "noise.parquet").write_bytes(np.random.default_rng(2).bytes(2000))
    np.savez(folder / "arrays.npz", t=t, x=np.sin(t))
    (folder / "a folder.csv").mkdir(exist_ok=True)
    for example in ("lynx_hare", "school_flu", "pendulum"):
        shutil.copytree(examples_dir() / example, folder / example, dirs_exist_ok=True)
    specs = sorted(str(path) for path in folder.glob("*/spec.toml"))
    found = sorted(str(path) for path in folder.iterdir() if path.parent == folder and "." in path.name)
    return [*found, *specs, *specs, str(folder / "missing.csv")]

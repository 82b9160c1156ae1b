"""torchsde on the same batch, run by an interpreter that has it (`--torch PYTHON`): prints one line of JSON.

Imports nothing of this project; data come as JSON on standard input.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    import torch  # pyright: ignore[reportMissingImports]
    import torchsde  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    given = json.load(sys.stdin)
    linear, tanh = torch.nn.Linear, torch.nn.Tanh

    class Law(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def __init__(self) -> None:
            super().__init__()
            self.drift = torch.nn.Sequential(linear(1, 32), tanh(), linear(32, 32), tanh(), linear(32, 1))
            self.spread = torch.nn.Sequential(linear(1, 32), tanh(), linear(32, 32), tanh(), linear(32, 1))

        def f(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.drift(y)

        def g(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.softplus(self.spread(y))

    kind = getattr(torch, given["float"])
    law, step = Law().to(kind), given["step"]
    begin, later = (torch.tensor(given[name], dtype=kind)[:, None] for name in ("begin", "later"))
    t = torch.tensor([0.0, step], dtype=kind)

    def gradient(adjoint: bool) -> float:
        begun = time.perf_counter()
        solve = torchsde.sdeint_adjoint if adjoint else torchsde.sdeint
        ends = solve(law, begin, t, method="euler", dt=step)
        ((ends[-1] - later) ** 2).mean().backward()
        law.zero_grad()
        return time.perf_counter() - begun

    found = {}
    for name, adjoint in (("sdeint", False), ("sdeint_adjoint", True)):
        times = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            times += [gradient(adjoint) for _ in range(6)]
        found[name] = min(times)
    print(json.dumps({"versions": f"torchsde {torchsde.__version__}, torch {torch.__version__}", "seconds": found}))


if __name__ == "__main__":
    main()

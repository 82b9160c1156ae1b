"""torchdiffeq on the same tasks, run by an interpreter that has it (`--peers PYTHON`): prints one line of JSON.

Imports nothing of this project; data come as JSON on standard input.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    import torch  # pyright: ignore[reportMissingImports]
    from torchdiffeq import odeint, odeint_adjoint  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    given = json.load(sys.stdin)
    linear, tanh = torch.nn.Linear, torch.nn.Tanh
    width = given["width"]
    net = torch.nn.Sequential(linear(2, width), tanh(), linear(width, width), tanh(), linear(width, 2))
    t, y0, data = torch.linspace(0, 10, 100), torch.rand(32, 2), torch.rand(100, 32, 2)
    options = {"rtol": 1e-3, "atol": 1e-6}

    class Field(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return self.net(y)

    def gradient(solve) -> float:
        times = []
        for _ in range(3):
            net.zero_grad()
            begin = time.perf_counter()
            ((solve(Field(), y0, t, **options) - data) ** 2).mean().backward()
            times.append(time.perf_counter() - begin)
        return min(times)

    found = {"odeint": gradient(odeint), "odeint_adjoint": gradient(odeint_adjoint)}
    ts, ys = torch.tensor(given["t"], dtype=torch.float32), torch.tensor(given["y"], dtype=torch.float32)
    spiral = torch.nn.Sequential(linear(2, 50), tanh(), linear(50, 2))
    optimiser = torch.optim.Adam(spiral.parameters(), lr=1e-2)
    begin, loss = time.perf_counter(), torch.zeros(())
    for _ in range(given["steps"]):
        optimiser.zero_grad()
        loss = ((odeint(lambda t, y: spiral(y**3), ys[0], ts, rtol=1e-7, atol=1e-9) - ys) ** 2).mean()
        loss.backward()
        optimiser.step()
    found |= {"spiral": time.perf_counter() - begin, "steps": given["steps"], "loss": float(loss.detach())}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""Right-hand sides of textbook differential equations, chosen for breadth; 512 rows each.

Each is one equation of a published system with constants of its usual regime. Boxes are where its solutions live.
"""

from __future__ import annotations

from benchmarks.symbolic.problem import BenchmarkProblem

Limits = tuple[float, float]
Row = tuple[str, str, dict[str, Limits], str]


def _group(group: str, rows: tuple[Row, ...]) -> tuple[BenchmarkProblem, ...]:
    return tuple(
        BenchmarkProblem(f"{group}/{name}", group, truth, box, 512, source) for name, truth, box, source in rows
    )


_XY: dict[str, Limits] = {"x": (0.1, 6.0), "y": (0.1, 5.0)}
_X: dict[str, Limits] = {"x": (0.1, 10.0)}

ECOLOGY = _group(
    "ecology",
    (
        ("lotka-volterra-prey", "1.1*x - 0.4*x*y", _XY, "Lotka 1925; Volterra 1926"),
        ("lotka-volterra-predator", "0.1*x*y - 0.4*y", _XY, "Lotka 1925; Volterra 1926"),
        ("competition", "0.8*x*(1 - (x + 0.6*y)/5)", _XY, "Gause 1934"),
        ("logistic-harvest", "0.9*x*(1 - x/8) - 0.35*x", _X, "Schaefer 1954"),
        ("allee", "0.5*x*(1 - x/9)*(x/1.5 - 1)", _X, "Lewis & Kareiva 1993"),
        ("gompertz", "0.7*x*log(9/x)", _X, "Gompertz 1825"),
        ("rosenzweig-macarthur-prey", "x*(1 - x/6) - 1.2*x*y/(1 + 0.8*x)", _XY, "Rosenzweig & MacArthur 1963"),
        ("rosenzweig-macarthur-predator", "0.7*x*y/(1 + 0.8*x) - 0.3*y", _XY, "Rosenzweig & MacArthur 1963"),
        ("holling-3-predator", "1.4*x^2*y/(2.2 + x^2) - 0.5*y", _XY, "Holling 1959"),
        ("beddington-deangelis", "1.3*x - 0.9*x*y/(1 + 0.4*x + 0.3*y)", _XY, "Beddington 1975; DeAngelis et al. 1975"),
        ("ratio-dependent", "x*(1 - x/5) - 1.1*x*y/(x + 0.8*y)", _XY, "Arditi & Ginzburg 1989"),
        ("spruce-budworm", "0.6*x*(1 - x/9) - x^2/(1 + x^2)", _X, "Ludwig et al. 1978"),
        ("blowflies", "8*x*exp(-0.6*x) - 0.9*x", _X, "Gurney et al. 1980, without delay"),
        ("ivlev", "x*(1 - x/7) - 1.5*y*(1 - exp(-0.8*x))", _XY, "Ivlev 1961"),
        ("leslie-gower", "0.4*y*(1 - 1.2*y/x)", {"x": (0.5, 6.0), "y": (0.1, 5.0)}, "Leslie & Gower 1960"),
        (
            "seasonal-growth",
            "x*(0.8 + 0.3*sin(2*t)) - 0.2*x^2",
            {"x": (0.1, 6.0), "t": (0.0, 6.0)},
            "Murray 2002, ch. 1",
        ),
        ("mutualism", "0.6*x*(1 - x/(3 + 0.7*y))", _XY, "Wright 1989; May 1976"),
        (
            "food-chain-middle",
            "5*x*y/(1 + 3*x) - 0.1*y*z/(1 + 2*y) - 0.4*y",
            {"x": (0.1, 1.0), "y": (0.05, 1.0), "z": (5.0, 10.0)},
            "Hastings & Powell 1991",
        ),
        ("herd-behaviour", "x*(1 - x/5) - 0.9*sqrt(x)*y", _XY, "Braza 2012"),
    ),
)

_AB: dict[str, Limits] = {"a": (0.05, 3.0), "b": (0.05, 3.0)}

CHEMISTRY = _group(
    "chemistry",
    (
        ("brusselator-x", "1 + x^2*y - 4*x", {"x": (0.2, 4.0), "y": (0.5, 5.0)}, "Prigogine & Lefever 1968"),
        ("brusselator-y", "3*x - x^2*y", {"x": (0.2, 4.0), "y": (0.5, 5.0)}, "Prigogine & Lefever 1968"),
        (
            "oregonator",
            "(0.08*y - x*y + x*(1 - x))/0.4",
            {"x": (0.01, 1.0), "y": (0.01, 2.0)},
            "Field & Noyes 1974, scaled",
        ),
        ("michaelis-menten", "-1.7*s/(0.6 + s)", {"s": (0.01, 6.0)}, "Michaelis & Menten 1913"),
        ("substrate-inhibition", "2.1*s/(0.5 + s + s^2/3)", {"s": (0.01, 8.0)}, "Haldane 1930; Andrews 1968"),
        (
            "competitive-inhibition",
            "1.8*s/(0.7*(1 + i/1.3) + s)",
            {"s": (0.05, 5.0), "i": (0.0, 5.0)},
            "Cornish-Bowden 2012",
        ),
        (
            "cstr-concentration",
            "0.5*(1 - c) - 12*c*exp(-4/T)",
            {"c": (0.05, 1.0), "T": (0.8, 2.0)},
            "Uppal, Ray & Poore 1974, scaled",
        ),
        (
            "cstr-temperature",
            "0.5*(1 - T) + 9*c*exp(-4/T) - 0.3*(T - 0.8)",
            {"c": (0.05, 1.0), "T": (0.8, 2.0)},
            "Uppal, Ray & Poore 1974, scaled",
        ),
        (
            "robertson",
            "-0.04*a + 2.5*b*c",
            {"a": (0.0, 1.0), "b": (0.0, 0.2), "c": (0.0, 1.0)},
            "Robertson 1966, scaled",
        ),
        ("reversible", "-1.3*a*b + 0.4*c", {**_AB, "c": (0.05, 3.0)}, "Atkins & de Paula 2014, ch. 20"),
        ("schnakenberg", "0.2 - u + u^2*v", {"u": (0.1, 3.0), "v": (0.1, 2.0)}, "Schnakenberg 1979"),
        ("gray-scott", "-u*v^2 + 0.04*(1 - u)", {"u": (0.0, 1.0), "v": (0.0, 0.6)}, "Gray & Scott 1983"),
        ("glycolysis", "-x + 0.08*y + x^2*y", {"x": (0.1, 3.0), "y": (0.1, 3.0)}, "Sel'kov 1968"),
        ("lengyel-epstein", "10 - x - 4*x*y/(1 + x^2)", {"x": (0.1, 6.0), "y": (0.5, 8.0)}, "Lengyel & Epstein 1991"),
        ("langmuir-hinshelwood", "2.3*a*b/(1 + 0.8*a + 1.4*b)^2", _AB, "Hinshelwood 1926"),
        ("three-halves-order", "0.4 - 0.9*c*sqrt(c)", {"c": (0.02, 4.0)}, "Rice & Herzfeld 1934"),
        ("repressor", "3/(1 + p^2) - 0.8*m", {"p": (0.0, 5.0), "m": (0.0, 4.0)}, "Goodwin 1965"),
        ("toggle-switch", "4/(1 + v^3) - u", {"u": (0.0, 4.0), "v": (0.0, 3.0)}, "Gardner et al. 2000"),
        ("monod-biomass", "0.9*s*x/(0.4 + s) - 0.3*x", {"s": (0.02, 5.0), "x": (0.05, 3.0)}, "Monod 1950"),
        ("monod-substrate", "0.3*(5 - s) - 1.6*s*x/(0.4 + s)", {"s": (0.02, 5.0), "x": (0.05, 3.0)}, "Monod 1950"),
        ("contois", "0.8*s*x/(0.5*x + s) - 0.2*x", {"s": (0.02, 5.0), "x": (0.05, 3.0)}, "Contois 1959"),
    ),
)

_PHASE: dict[str, Limits] = {"x": (-2.0, 2.0), "v": (-2.0, 2.0)}
_SWING: dict[str, Limits] = {"theta": (-3.0, 3.0), "omega": (-3.0, 3.0)}
_LORENZ: dict[str, Limits] = {"x": (-18.0, 18.0), "y": (-24.0, 24.0), "z": (2.0, 45.0)}

MECHANICS = _group(
    "mechanics",
    (
        ("pendulum", "-9.81*sin(theta) - 0.3*omega", _SWING, "Strogatz 2015, ch. 6"),
        (
            "driven-pendulum",
            "-sin(theta) - 0.2*omega + 1.15*cos(0.67*t)",
            {**_SWING, "t": (0.0, 20.0)},
            "Baker & Gollub 1996",
        ),
        ("duffing", "x - x^3 - 0.25*v + 0.3*cos(1.2*t)", {**_PHASE, "t": (0.0, 10.0)}, "Duffing 1918; Holmes 1979"),
        ("van-der-pol", "1.5*(1 - x^2)*v - x", _PHASE, "Van der Pol 1926"),
        ("smooth-friction", "-4*x - 0.7*tanh(5*v)", _PHASE, "Andersson et al. 2007"),
        ("quadratic-drag", "9.81 - 0.24*v*abs(v)", {"v": (-8.0, 8.0)}, "Taylor 2005, ch. 2"),
        (
            "cart-pole",
            "(9.81*sin(theta) - 0.5*a*cos(theta))/1.2",
            {"theta": (-3.0, 3.0), "a": (-5.0, 5.0)},
            "Barto et al. 1983",
        ),
        ("tank", "0.8 - 0.45*sqrt(h)", {"h": (0.05, 9.0)}, "Torricelli 1643"),
        ("two-tanks", "0.45*sqrt(h1) - 0.6*sqrt(h2)", {"h1": (0.05, 9.0), "h2": (0.05, 9.0)}, "Seborg et al. 2016"),
        ("kepler-radial", "l^2/r^3 - 3.2/r^2", {"l": (0.5, 2.0), "r": (0.7, 3.0)}, "Goldstein 2002, ch. 3"),
        (
            "kepler-cartesian",
            "-2*x/((x^2 + y^2)*sqrt(x^2 + y^2))",
            {"x": (0.3, 2.0), "y": (0.3, 2.0)},
            "Goldstein 2002, ch. 3",
        ),
        (
            "euler-rigid-body",
            "1.4*w2*w3 - 0.1*w1",
            {"w1": (-2.0, 2.0), "w2": (-2.0, 2.0), "w3": (-2.0, 2.0)},
            "Goldstein 2002, ch. 5, with damping",
        ),
        ("bead-on-hoop", "sin(theta)*(2.5*cos(theta) - 1) - 0.4*omega", _SWING, "Strogatz 2015, ch. 3"),
        ("lorenz-x", "10*(y - x)", _LORENZ, "Lorenz 1963"),
        ("lorenz-y", "x*(28 - z) - y", _LORENZ, "Lorenz 1963"),
        ("lorenz-z", "x*y - 8/3*z", _LORENZ, "Lorenz 1963"),
        ("rossler-z", "0.2 + z*(x - 5.7)", {"x": (-9.0, 11.0), "z": (0.0, 20.0)}, "Rössler 1976"),
        (
            "spring-pendulum-length",
            "r*w^2 + 9.81*cos(theta) - 12*(r - 1)",
            {"r": (0.8, 2.5), "w": (-2.0, 2.0), "theta": (-1.5, 1.5)},
            "Cuerno et al. 1992",
        ),
        (
            "spring-pendulum-angle",
            "-(9.81*sin(theta) + 2*v*w)/r",
            {"r": (0.8, 2.5), "v": (-2.0, 2.0), "w": (-2.0, 2.0), "theta": (-1.5, 1.5)},
            "Cuerno et al. 1992",
        ),
        ("magnetic-levitation", "9.81 - 0.8*(i/z)^2", {"i": (0.5, 4.0), "z": (0.5, 2.0)}, "Khalil 2002, ch. 1"),
        ("mathieu", "-(1.5 + 0.6*cos(2*t))*x - 0.1*v", {**_PHASE, "t": (0.0, 6.0)}, "Mathieu 1868"),
        (
            "glider-speed",
            "-sin(theta) - 0.3*v^2",
            {"theta": (-1.5, 1.5), "v": (0.5, 3.0)},
            "Zhukovskii 1891; Strogatz 2015",
        ),
        ("glider-angle", "v - cos(theta)/v", {"theta": (-1.5, 1.5), "v": (0.5, 3.0)}, "Zhukovskii 1891; Strogatz 2015"),
        ("relativistic-orbit", "1.2 - u + 0.4*u^2", {"u": (0.1, 3.0)}, "Einstein 1915"),
        (
            "rocket",
            "12/(5 - 0.6*t) - 0.05*v*abs(v) - 1.2",
            {"t": (0.0, 5.0), "v": (-3.0, 6.0)},
            "Tsiolkovsky 1903, with drag",
        ),
    ),
)

_VOLT: dict[str, Limits] = {"v": (-80.0, 40.0)}
_UNIT: Limits = (0.0, 1.0)

NEUROSCIENCE = _group(
    "neuroscience",
    (
        ("fitzhugh-nagumo-v", "v - v^3/3 - w + 0.5", {"v": (-2.2, 2.2), "w": (-1.0, 2.0)}, "FitzHugh 1961"),
        ("fitzhugh-nagumo-w", "0.08*(v + 0.7 - 0.8*w)", {"v": (-2.2, 2.2), "w": (-1.0, 2.0)}, "FitzHugh 1961"),
        ("morris-lecar-calcium", "2.2*(1 + tanh((v + 1.2)/18))*(120 - v)", _VOLT, "Morris & Lecar 1981"),
        ("hodgkin-huxley-alpha-m", "0.1*(v + 40)/(1 - exp(-(v + 40)/10))", _VOLT, "Hodgkin & Huxley 1952"),
        ("hodgkin-huxley-beta-n", "0.125*exp(-(v + 65)/80)", _VOLT, "Hodgkin & Huxley 1952"),
        (
            "hodgkin-huxley-h",
            "0.07*exp(-(v + 65)/20)*(1 - h) - h/(1 + exp(-(v + 35)/10))",
            {**_VOLT, "h": _UNIT},
            "Hodgkin & Huxley 1952",
        ),
        ("sodium-current", "120*m^3*h*(50 - v)", {**_VOLT, "m": _UNIT, "h": _UNIT}, "Hodgkin & Huxley 1952"),
        ("potassium-current", "36*n^4*(-77 - v)", {**_VOLT, "n": _UNIT}, "Hodgkin & Huxley 1952"),
        (
            "izhikevich",
            "0.04*v^2 + 5*v + 140 - u + i",
            {"v": (-80.0, 30.0), "u": (-20.0, 10.0), "i": (0.0, 20.0)},
            "Izhikevich 2003",
        ),
        (
            "hindmarsh-rose-x",
            "y - x^3 + 3*x^2 - z + 3.2",
            {"x": (-1.6, 2.0), "y": (-10.0, 1.0), "z": (2.5, 4.0)},
            "Hindmarsh & Rose 1984",
        ),
        ("hindmarsh-rose-y", "1 - 5*x^2 - y", {"x": (-1.6, 2.0), "y": (-10.0, 1.0)}, "Hindmarsh & Rose 1984"),
        (
            "wilson-cowan",
            "-e + 1/(1 + exp(-1.2*(4*e - 3*i - 0.5)))",
            {"e": _UNIT, "i": _UNIT},
            "Wilson & Cowan 1972, without refractory term",
        ),
        (
            "theta-neuron",
            "1 - cos(theta) + (1 + cos(theta))*i",
            {"theta": (-3.1, 3.1), "i": (-1.0, 1.0)},
            "Ermentrout & Kopell 1986",
        ),
        (
            "exponential-integrate-fire",
            "(-(v + 65) + 2*exp((v + 50)/2))/10",
            {"v": (-75.0, -45.0)},
            "Fourcaud-Trocmé et al. 2003",
        ),
        ("kuramoto", "1.2 + 0.8*sin(b - a)", {"a": (-3.0, 3.0), "b": (-3.0, 3.0)}, "Kuramoto 1975"),
        ("nmda-block", "-0.9*v/(1 + 0.28*exp(-0.062*v))", _VOLT, "Jahr & Stevens 1990"),
        (
            "synaptic-depression",
            "(1 - r)/0.8 - u*r*f",
            {"r": _UNIT, "u": (0.1, 0.9), "f": (0.0, 10.0)},
            "Tsodyks & Markram 1997",
        ),
        ("hopfield-rate", "-x + 2*tanh(0.9*x - 0.6*y)", {"x": (-2.0, 2.0), "y": (-2.0, 2.0)}, "Hopfield 1984"),
    ),
)

_SI: dict[str, Limits] = {"s": (0.0, 3.0), "i": (0.01, 2.0)}

EPIDEMICS = _group(
    "epidemics",
    (
        ("sir-infected", "0.6*s*i - 0.25*i", _SI, "Kermack & McKendrick 1927"),
        ("sir-frequency", "0.8*s*i/(s + i + r) - 0.2*i", {**_SI, "r": (0.0, 3.0)}, "Keeling & Rohani 2008, ch. 2"),
        ("saturating-incidence", "1.4*s*i/(1 + 0.7*i) - 0.3*i", _SI, "Capasso & Serio 1978"),
        ("seir-exposed", "0.9*s*i - 0.35*e", {**_SI, "e": (0.0, 2.0)}, "Anderson & May 1991"),
        ("seasonal-sir", "0.7*(1 + 0.25*cos(2*t))*s*i - 0.4*i", {**_SI, "t": (0.0, 6.0)}, "Dietz 1976"),
        ("ross-vector", "0.8*h*(1 - m) - 0.25*m", {"h": _UNIT, "m": _UNIT}, "Ross 1911; Macdonald 1957"),
        ("sirs-susceptible", "0.02*(1 - s) - 1.1*s*i + 0.05*r", {**_SI, "r": (0.0, 3.0)}, "Hethcote 1976"),
        ("hiv-target-cells", "2 - 0.1*c - 0.3*c*v", {"c": (0.1, 12.0), "v": (0.0, 5.0)}, "Perelson et al. 1993"),
        ("media-effect", "1.2*s*i*exp(-0.9*i) - 0.3*i", _SI, "Cui, Sun & Zhu 2008"),
        ("limited-treatment", "0.8*s*i - 0.2*i - 0.9*i/(1 + 0.5*i)", _SI, "Zhang & Liu 2008"),
        ("psychological-effect", "1.8*s*i/(1 + 0.6*i^2) - 0.3*i", _SI, "Xiao & Ruan 2007"),
        ("nonlinear-incidence", "0.9*s*i^2/(1 + 0.5*i^2) - 0.3*i", _SI, "Ruan & Wang 2003"),
    ),
)

_CE: dict[str, Limits] = {"c": (0.01, 6.0), "e": (0.0, 5.0)}

PHARMACOLOGY = _group(
    "pharmacology",
    (
        ("saturable-elimination", "-1.6*c/(0.9 + c)", {"c": (0.01, 6.0)}, "Gibaldi & Perrier 1982"),
        ("two-compartments", "-0.7*c1 + 0.3*c2", {"c1": (0.0, 5.0), "c2": (0.0, 5.0)}, "Gibaldi & Perrier 1982"),
        ("oral-absorption", "1.2*exp(-0.8*t) - 0.35*c", {"t": (0.0, 8.0), "c": (0.0, 4.0)}, "Bateman 1910"),
        ("emax-turnover", "2*c/(1.5 + c) - 0.3*e", _CE, "Dayneka et al. 1993"),
        ("sigmoid-emax", "3*c^2/(1.7 + c^2) - 0.4*e", _CE, "Hill 1910; Holford & Sheiner 1981"),
        ("inhibited-turnover", "1.4*(1 - c/(0.8 + c)) - 0.5*e", _CE, "Dayneka et al. 1993"),
        (
            "target-mediated",
            "0.5 - 0.2*c - 0.9*c*r + 0.15*p",
            {"c": (0.0, 5.0), "r": (0.0, 3.0), "p": (0.0, 3.0)},
            "Mager & Jusko 2001",
        ),
        ("minimal-glucose", "2.7 - (0.03 + x)*g", {"x": (0.0, 0.1), "g": (50.0, 250.0)}, "Bergman et al. 1979"),
        ("tumour-gompertz", "0.3*w*log(20/w) - 0.5*c*w", {"w": (0.2, 18.0), "c": (0.0, 3.0)}, "Norton & Simon 1977"),
        (
            "kill-curve",
            "0.3*n*(1 - n/6) - 0.9*n*c/(1.2 + c)",
            {"n": (0.05, 6.0), "c": (0.0, 5.0)},
            "Regoes et al. 2004",
        ),
        ("transit-absorption", "1.5*t*exp(-0.9*t) - 0.4*c", {"t": (0.0, 8.0), "c": (0.0, 3.0)}, "Savic et al. 2007"),
        ("log-effect", "0.8*log(1 + 3*c) - 0.2*e", _CE, "Wagner 1968"),
        (
            "circadian-synthesis",
            "1 + 0.6*cos(0.26*t) - 0.3*c",
            {"t": (0.0, 48.0), "c": (0.0, 6.0)},
            "Sun, DuBois & Jusko 1998",
        ),
        (
            "insulin",
            "4*b*g^2/(2 + g^2) - 0.5*i",
            {"b": (0.2, 2.0), "g": (0.1, 5.0), "i": (0.0, 8.0)},
            "Topp et al. 2000",
        ),
        (
            "myelosuppression",
            "0.8*p*(1 - 0.3*d)*5/c - 0.8*p",
            {"p": (0.5, 8.0), "d": (0.0, 3.0), "c": (1.0, 10.0)},
            "Friberg et al. 2002",
        ),
    ),
)

TEXTBOOK_PROBLEMS = (*ECOLOGY, *CHEMISTRY, *MECHANICS, *NEUROSCIENCE, *EPIDEMICS, *PHARMACOLOGY)

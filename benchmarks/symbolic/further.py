"""More right-hand sides, written down after the engine was built; 512 rows each.

Two mechanisms of the engine (products of two saturations, high Hill exponents) came from looking at what failed here.

They share one wide set of operators whatever their field, so that most of it is of no use to each of them.
"""

from __future__ import annotations

from benchmarks.symbolic.problem import BenchmarkProblem

Limits = tuple[float, float]

_XY: dict[str, Limits] = {"x": (0.1, 5.0), "y": (0.1, 5.0)}
_XYZ: dict[str, Limits] = {"x": (-4.0, 4.0), "y": (-4.0, 4.0), "z": (-4.0, 4.0)}
_PHASE: dict[str, Limits] = {"x": (-2.0, 2.0), "v": (-2.0, 2.0)}
_UNIT: Limits = (0.0, 1.0)

_ROWS: tuple[tuple[str, str, dict[str, Limits], str], ...] = (
    # ecology
    ("holling-3-prey", "0.9*x*(1 - x/6) - 1.3*x^2*y/(1.8 + x^2)", _XY, "Holling 1959"),
    ("crowley-martin", "0.8*x - 1.1*x*y/((1 + 0.5*x)*(1 + 0.3*y))", _XY, "Crowley & Martin 1989"),
    ("hassell-varley", "1.2*x*y/(x + 0.7*sqrt(y)) - 0.4*y", _XY, "Hassell & Varley 1969"),
    (
        "monod-haldane-predation",
        "1.5*x*y/(1 + 0.4*x + 0.3*x^2) - 0.25*y",
        _XY,
        "Andrews 1968; Freedman & Wolkowicz 1986",
    ),
    ("theta-logistic-harvest", "0.7*x*(1 - (x/4)^2) - 0.3*x", {"x": (0.1, 5.0)}, "Gilpin & Ayala 1973"),
    ("saturated-harvest", "0.9*x*(1 - x/8) - 1.1*x/(1.5 + x)", {"x": (0.1, 9.0)}, "Clark 1976"),
    ("strong-allee-predation", "0.4*x*(x - 0.8)*(5 - x) - 0.6*x*y", _XY, "Courchamp et al. 2008"),
    ("mackey-glass", "2*x/(1 + x^10) - x", {"x": (0.1, 1.8)}, "Mackey & Glass 1977, without delay"),
    ("droop-growth", "1.1*(1 - 0.4/q)*x - 0.2*x", {"q": (0.4, 3.0), "x": (0.1, 4.0)}, "Droop 1968"),
    ("light-limitation", "1.4*i/4*exp(1 - i/4)*x - 0.3*x", {"i": (0.1, 12.0), "x": (0.1, 3.0)}, "Steele 1962"),
    ("refuge", "x*(1 - x/5) - 0.9*(x - 0.5)*y/(1 + 0.6*(x - 0.5))", {"x": (0.6, 5.0), "y": (0.1, 4.0)}, "Kar 2005"),
    ("fear-effect", "2*x/(1 + 0.6*y) - 0.3*x - 0.1*x^2 - 0.5*x*y", _XY, "Wang, Zanette & Zou 2016"),
    ("vegetation-water", "1.8 - w - w*n^2", {"w": (0.05, 2.0), "n": (0.05, 3.0)}, "Klausmeier 1999"),
    (
        "lotka-volterra-three",
        "0.9*x - 0.3*x*x - 0.5*x*y - 0.7*x*z",
        {"x": (0.1, 3.0), "y": (0.1, 3.0), "z": (0.1, 3.0)},
        "May & Leonard 1975",
    ),
    # chemistry and cell biology
    ("goldbeter-cyclin", "0.025 - 0.25*x*c/(0.02 + c) - 0.01*c", {"x": _UNIT, "c": (0.01, 1.0)}, "Goldbeter 1991"),
    (
        "goldbeter-kinase",
        "3*c/(0.5 + c)*(1 - m)/(0.005 + 1 - m) - 1.5*m/(0.005 + m)",
        {"c": (0.01, 1.0), "m": (0.01, 0.97)},
        "Goldbeter 1991",
    ),
    (
        "goldbeter-koshland",
        "1.2*(1 - w)/(0.3 + 1 - w) - 0.9*w/(0.2 + w)",
        {"w": (0.02, 0.98)},
        "Goldbeter & Koshland 1981",
    ),
    ("tyson-cyclin", "0.018*(v - u) * (0.2 + 10*u^2)", {"u": (0.0, 1.0), "v": (0.0, 1.0)}, "Tyson 1991, scaled"),
    ("oregonator-slow", "(x - z)/1.7", {"x": (0.0, 1.0), "z": (0.0, 1.0)}, "Field & Noyes 1974"),
    (
        "oregonator-tyson",
        "x*(1 - x) - 0.9*z*(x - 0.08)/(x + 0.08)",
        {"x": (0.05, 1.0), "z": (0.0, 0.6)},
        "Tyson & Fife 1980",
    ),
    ("repressilator", "12/(1 + p^2.0) + 0.3 - m", {"p": (0.0, 6.0), "m": (0.0, 8.0)}, "Elowitz & Leibler 2000"),
    ("hill-4-activation", "2.4*x^4/(3 + x^4) - 0.7*y", {"x": (0.0, 3.0), "y": (0.0, 4.0)}, "Hill 1910"),
    (
        "calcium-release",
        "1.3*c^2/(0.8 + c^2) - 2*c/(0.4 + c) + 0.2",
        {"c": (0.01, 3.0)},
        "Dupont & Goldbeter 1993, reduced",
    ),
    ("arrhenius-cstr", "0.8*(1 - c) - 30*c*exp(-6/T)", {"c": (0.05, 1.0), "T": (1.0, 2.5)}, "Aris & Amundson 1958"),
    (
        "arrhenius-jacket",
        "1.1*(1 - T) + 20*c*exp(-5/T) - 0.4*(T - 0.9)",
        {"c": (0.05, 1.0), "T": (0.8, 2.0)},
        "Aris & Amundson 1958",
    ),
    (
        "haldane-reactor",
        "0.4*(6 - s) - 1.9*s*x/(0.7 + s + 0.2*s^2)",
        {"s": (0.05, 6.0), "x": (0.1, 3.0)},
        "Andrews 1968",
    ),
    (
        "uncompetitive-inhibition",
        "2.2*s/(0.8 + s*(1 + i/0.9))",
        {"s": (0.05, 6.0), "i": (0.0, 4.0)},
        "Cornish-Bowden 2012",
    ),
    ("ping-pong", "3.1*a*b/(0.6*b + 0.9*a + a*b)", {"a": (0.05, 4.0), "b": (0.05, 4.0)}, "Cleland 1963"),
    ("reversible-mm", "(2*s - 0.7*p)/(1 + s/0.8 + p/1.4)", {"s": (0.05, 5.0), "p": (0.05, 5.0)}, "Haldane 1930"),
    ("activator-inhibitor", "0.2 - 0.6*a + 0.9*a^2/h", {"a": (0.1, 3.0), "h": (0.3, 4.0)}, "Gierer & Meinhardt 1972"),
    ("autocatalysis-thermal", "c*exp(T/(1 + 0.1*T)) - 0.5*T", {"c": (0.05, 1.0), "T": (0.0, 5.0)}, "Gray & Scott 1990"),
    # mechanics and electronics
    (
        "duffing-van-der-pol",
        "0.6*(1 - x^2)*v - x - 0.4*x^3 + 0.5*cos(1.3*t)",
        {**_PHASE, "t": (0.0, 10.0)},
        "Guckenheimer & Holmes 1983",
    ),
    ("double-well-drag", "2*x - 1.5*x^3 - 0.4*v*abs(v)", _PHASE, "Kovacic & Brennan 2011"),
    ("pendulum-drag", "-9.81/1.3*sin(a) - 0.25*w*abs(w)", {"a": (-3.0, 3.0), "w": (-4.0, 4.0)}, "Nelson & Olsson 1986"),
    (
        "cart-pole-full",
        "(9.81*sin(a) - 0.2*w^2*sin(a)*cos(a))/(1.2 - 0.3*cos(a)^2)",
        {"a": (-3.0, 3.0), "w": (-3.0, 3.0)},
        "Florian 2007",
    ),
    ("chua", "9*(y - x + 0.5*abs(x + 1) - 0.5*abs(x - 1))", {"x": (-3.0, 3.0), "y": (-1.0, 1.0)}, "Chua 1992"),
    ("chua-cubic", "10*(y + (x - 2*x^3)/7)", {"x": (-1.5, 1.5), "y": (-0.5, 0.5)}, "Hirsch, Smale & Devaney 2004"),
    ("thomas", "sin(y) - 0.19*x", _XYZ, "Thomas 1999"),
    ("rossler-x", "-y - z", {"x": (-9.0, 11.0), "y": (-10.0, 8.0), "z": (0.0, 20.0)}, "Rössler 1976"),
    ("aizawa", "(z - 0.7)*x - 3.5*y", {"x": (-1.5, 1.5), "y": (-1.5, 1.5), "z": (-0.5, 2.0)}, "Aizawa 1982"),
    (
        "aizawa-z",
        "0.6 + 0.95*z - z^3/3 - (x^2 + y^2)*(1 + 0.25*z)",
        {"x": (-1.5, 1.5), "y": (-1.5, 1.5), "z": (-0.5, 2.0)},
        "Aizawa 1982",
    ),
    ("halvorsen", "-1.9*x - 4*y - 4*z - y^2", {"x": (-8.0, 6.0), "y": (-8.0, 6.0), "z": (-8.0, 6.0)}, "Sprott 2010"),
    ("stribeck-friction", "-2*x - (0.3 + 0.5*exp(-(v/0.4)^2))*tanh(8*v)", _PHASE, "Armstrong-Hélouvry 1991"),
    ("hertz-contact", "9.81 - 40*d*sqrt(d) - 0.6*v", {"d": (0.01, 0.6), "v": (-2.0, 2.0)}, "Hertz 1881"),
    ("dc-diode", "(1.5 - u)/2 - 0.05*(exp(3*u) - 1)", {"u": (-0.5, 1.5)}, "Shockley 1949"),
    ("tyre", "1.1*sin(1.4*s/(0.2 + abs(s)))", {"s": (-2.0, 2.0)}, "after Pacejka 2012"),
    ("bouncing-lennard-jones", "24*(2/r^13 - 1/r^7)", {"r": (0.95, 1.8)}, "Lennard-Jones 1924"),
    # neuroscience
    (
        "hh-alpha-n",
        "0.01*(v + 55)/(1 - exp(-(v + 55)/10))*(1 - n) - 0.125*exp(-(v + 65)/80)*n",
        {"v": (-80.0, 40.0), "n": _UNIT},
        "Hodgkin & Huxley 1952",
    ),
    (
        "hh-h-infinity",
        "1/(1 + exp((v + 62)/6)) - h",
        {"v": (-90.0, -30.0), "h": _UNIT},
        "Hodgkin & Huxley 1952; Izhikevich 2007",
    ),
    ("persistent-sodium", "-8*(v + 80) - 20*(v - 60)/(1 + exp(-(v + 20)/15))", {"v": (-80.0, 30.0)}, "Izhikevich 2007"),
    (
        "wilson-cowan-i",
        "-i + (1 - i)/(1 + exp(-(2*e - 0.5*i - 1)))",
        {"e": (0.0, 2.0), "i": (0.0, 2.0)},
        "Wilson & Cowan 1972",
    ),
    ("tanh-network", "-x + 1.4*tanh(y) - 0.8*tanh(z) + 0.3", _XYZ, "Sompolinsky et al. 1988"),
    ("hindmarsh-rose-z", "0.006*(4*(x + 1.6) - z)", {"x": (-1.6, 2.0), "z": (2.5, 4.0)}, "Hindmarsh & Rose 1984"),
    ("fitzhugh-cubic", "v*(v - 0.15)*(1 - v) - w + 0.1", {"v": (-0.5, 1.2), "w": (-0.1, 0.6)}, "Nagumo et al. 1962"),
    (
        "calcium-adaptation",
        "-0.2*c + 0.05*exp((v + 30)/12)",
        {"c": (0.0, 4.0), "v": (-60.0, 20.0)},
        "Wang 1998, reduced",
    ),
    # epidemics
    (
        "seir-saturating",
        "1.3*s*i/(1 + 0.4*s + 0.6*i) - 0.35*e",
        {"s": (0.0, 3.0), "i": (0.01, 2.0), "e": (0.0, 2.0)},
        "Beddington-type incidence",
    ),
    ("power-incidence", "0.9*s*i*sqrt(i) - 0.3*i", {"s": (0.0, 3.0), "i": (0.01, 2.0)}, "Liu, Levin & Iwasa 1986"),
    (
        "vaccination-logistic",
        "0.5*s*(1 - s/4) - 0.9*s*i/(s + i) - 0.2*s",
        {"s": (0.1, 4.0), "i": (0.05, 2.0)},
        "Hethcote 2000",
    ),
    (
        "behavioural-response",
        "0.8*s*i*(1 - 0.7*i/(0.4 + i)) - 0.25*i",
        {"s": (0.0, 3.0), "i": (0.01, 2.0)},
        "Funk et al. 2010",
    ),
    (
        "within-host",
        "0.6*t*v/(1 + 0.3*v) - 0.4*i - 0.2*i*e",
        {"t": (0.1, 4.0), "v": (0.0, 4.0), "i": (0.0, 3.0), "e": (0.0, 2.0)},
        "Nowak & May 2000",
    ),
    # pharmacology
    ("mm-pk-input", "0.8 - 2.3*c/(1.4 + c) - 0.1*c", {"c": (0.01, 8.0)}, "Gibaldi & Perrier 1982"),
    ("weibull-absorption", "1.1*t*exp(-0.3*t^2) - 0.4*c", {"t": (0.0, 4.0), "c": (0.0, 3.0)}, "Langenbucher 1972"),
    ("hill-3-effect", "2.5*c^3/(4 + c^3) - 0.3*e", {"c": (0.0, 4.0), "e": (0.0, 6.0)}, "Hill 1910"),
    ("operational-model", "3*a/(0.7 + a + 1.5*a) - 0.2*e", {"a": (0.01, 5.0), "e": (0.0, 5.0)}, "Black & Leff 1983"),
    (
        "tumour-immune",
        "0.4*w*(1 - 0.1*w) - 0.8*w*e/(1.2 + w)",
        {"w": (0.1, 9.0), "e": (0.0, 3.0)},
        "Kuznetsov et al. 1994",
    ),
    (
        "immune-recruitment",
        "0.2 + 1.1*e*w/(1.6 + w) - 0.3*e*w - 0.4*e",
        {"w": (0.1, 6.0), "e": (0.0, 3.0)},
        "Kuznetsov et al. 1994",
    ),
    (
        "linear-quadratic",
        "-(0.3*d + 0.05*d^2)*n + 0.1*n*log(8/n)",
        {"d": (0.0, 5.0), "n": (0.1, 7.5)},
        "Fowler 1989; Gompertz 1825",
    ),
    (
        "two-drug-bliss",
        "0.5*n - n*(a/(0.8 + a) + b/(1.1 + b))",
        {"n": (0.1, 4.0), "a": (0.0, 4.0), "b": (0.0, 4.0)},
        "Bliss 1939",
    ),
)

FURTHER = tuple(
    BenchmarkProblem(f"further/{name}", "further", truth, box, 512, source) for name, truth, box, source in _ROWS
)

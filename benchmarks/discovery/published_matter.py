"""Published systems of chemistry, mechanics and textbook chaos, with constants of their usual regime.

`span` is ten characteristic times (periods of what oscillates, time constants of what settles).
"""

from __future__ import annotations

from benchmarks.discovery.system import DiscoverySystem

STROGATZ = "S. H. Strogatz, Nonlinear Dynamics and Chaos, 2nd ed. 2015"
SPROTT = "J. C. Sprott, Elegant Chaos, 2010"

CHEMISTRY = (
    DiscoverySystem(
        "schnakenberg",
        "chemistry",
        "J. Schnakenberg, J. Theor. Biol. 81, 1979",
        25.0,
        {"u": "0.15 - u + u^2*v", "v": "0.6 - u^2*v"},
        ((0.5, 1.5), (1.5, 0.4), (0.8, 0.8), (0.3, 2.2)),
    ),
    DiscoverySystem(
        "chlorine_iodine",
        "chemistry",
        "I. Lengyel and I. R. Epstein, Science 251, 1991",
        15.0,
        {"x": "8 - x - 4*x*y/(1 + x^2)", "y": "1.4*x*(1 - y/(1 + x^2))"},
        ((0.5, 2.0), (3.0, 6.0), (2.0, 1.0), (1.0, 5.0)),
    ),
    DiscoverySystem(
        "cubic_autocatalysis",
        "chemistry",
        "P. Gray and S. K. Scott, Chem. Eng. Sci. 39, 1984 (stirred tank)",
        40.0,
        {"a": "0.3*(1 - a) - 3*a*b^2", "b": "0.3*(0.1 - b) + 3*a*b^2 - 0.2*b"},
        ((0.9, 0.3), (0.3, 0.7), (1.0, 0.1), (0.6, 0.5)),
    ),
    DiscoverySystem(
        "hypercycle",
        "chemistry",
        "M. Eigen and P. Schuster, The Hypercycle, 1979 (two members)",
        15.0,
        {"a": "a*(1.4*b - 2*a*b)", "b": "b*(1.1*a - 2*a*b)"},
        ((0.2, 0.3), (0.9, 0.2), (0.3, 1.0), (0.6, 0.8)),
    ),
    DiscoverySystem(
        "bacterial_respiration",
        "chemistry",
        "V. Fairen and M. G. Velarde, J. Math. Biol. 8, 1979",
        20.0,
        {"b": "12 - b - b*o/(1 + 0.5*b^2)", "o": "10 - b*o/(1 + 0.5*b^2)"},
        ((2.0, 20.0), (6.0, 30.0), (1.0, 10.0), (4.0, 35.0)),
    ),
    DiscoverySystem(
        "langmuir_hinshelwood",
        "chemistry",
        "C. N. Hinshelwood, Kinetics of Chemical Change, 1926 (stirred tank)",
        12.0,
        {
            "a": "0.6*(3 - a) - 2.3*a*b/(1 + 0.8*a + 0.4*b)^2",
            "b": "0.6*(2 - b) - 2.3*a*b/(1 + 0.8*a + 0.4*b)^2",
        },
        ((0.2, 2.5), (3.0, 0.3), (1.0, 1.0), (2.5, 2.5)),
    ),
    DiscoverySystem(
        "precipitation",
        "chemistry",
        "F. O. Rice and K. F. Herzfeld, J. Am. Chem. Soc. 56, 1934 (order three halves)",
        10.0,
        {"c": "0.4 - 0.9*c*sqrt(c)"},
        ((0.05,), (3.0,), (1.5,), (0.3,)),
    ),
)

MECHANICS = (
    DiscoverySystem(
        "double_well",
        "mechanics",
        "P. Holmes, Phil. Trans. R. Soc. A 292, 1979 (without drive)",
        20.0,
        {"x": "v", "v": "1.2*x - 0.8*x^3 - 0.2*v"},
        ((0.1, 0.5), (2.0, 0.0), (-1.5, 1.2), (0.5, -1.6)),
    ),
    DiscoverySystem(
        "pendulum_torque",
        "mechanics",
        f"{STROGATZ}, ch. 8 (constant torque), drag by the square of the speed",
        15.0,
        {"q": "w", "w": "1.1 - sin(q) - 0.4*w*abs(w)"},
        ((0.0, 0.0), (1.0, -2.0), (-1.0, 2.5), (2.5, 0.5)),
    ),
    DiscoverySystem(
        "lienard_oscillator",
        "mechanics",
        "A. Lienard, Rev. Gen. Electr. 23, 1928; B. van der Pol, Phil. Mag. 2, 1926",
        25.0,
        {"x": "2.2*(y - x^3/3 + x)", "y": "-0.45*x"},
        ((2.0, 0.0), (0.2, 0.3), (-1.0, 1.2), (0.5, -1.0)),
    ),
    DiscoverySystem(
        "bead_on_hoop",
        "mechanics",
        f"{STROGATZ}, section 3.5",
        20.0,
        {"q": "w", "w": "sin(q)*(2.3*cos(q) - 1) - 0.25*w"},
        ((0.2, 0.0), (2.0, 0.5), (-1.0, 1.0), (2.5, -0.5)),
    ),
    DiscoverySystem(
        "rigid_body",
        "mechanics",
        "H. Goldstein, Classical Mechanics, 3rd ed. 2002, ch. 5 (with damping)",
        20.0,
        {"a": "1.2*b*c - 0.05*a", "b": "-1.6*a*c - 0.05*b", "c": "0.4*a*b - 0.05*c"},
        ((1.0, 0.2, 1.0), (0.3, 1.4, -0.5), (-1.0, 0.5, 0.6), (0.1, 1.0, 1.3)),
    ),
    DiscoverySystem(
        "glider",
        "mechanics",
        f"F. W. Lanchester, Aerodonetics, 1908; {STROGATZ}, ex. 6.5.14",
        15.0,
        {"v": "-sin(q) - 0.25*v^2", "q": "v - cos(q)/v"},
        ((1.2, 0.2), (0.8, -0.5), (1.8, 0.5), (1.0, 0.8)),
    ),
    DiscoverySystem(
        "ball_with_drag",
        "mechanics",
        "J. R. Taylor, Classical Mechanics, 2005, section 2.4",
        4.0,
        {"u": "-0.12*u*sqrt(u^2 + w^2)", "w": "-9.81 - 0.12*w*sqrt(u^2 + w^2)"},
        ((12.0, 15.0), (5.0, 18.0), (20.0, 5.0), (8.0, 8.0)),
    ),
    DiscoverySystem(
        "rayleigh",
        "mechanics",
        "Lord Rayleigh, The Theory of Sound, 1877",
        25.0,
        {"x": "v", "v": "1.3*v - 0.5*v^3 - x"},
        ((0.5, 0.0), (2.0, -1.0), (-1.0, 1.5), (0.1, 0.3)),
    ),
    DiscoverySystem(
        "overdamped_pendula",
        "mechanics",
        f"{STROGATZ}, section 8.6 (two coupled oscillators)",
        10.0,
        {"p": "-1.1*sin(p) + 0.5*sin(p - q)", "q": "-1.1*sin(q) - 0.5*sin(p - q)"},
        ((2.5, 0.5), (-1.0, 2.8), (1.0, -2.5), (0.5, 2.0)),
    ),
    DiscoverySystem(
        "limit_cycle",
        "mechanics",
        "J. T. Stuart, J. Fluid Mech. 9, 1960; L. D. Landau, Dokl. Akad. Nauk 44, 1944",
        15.0,
        {"x": "0.8*x - 1.5*y - x*(x^2 + y^2)", "y": "1.5*x + 0.8*y - y*(x^2 + y^2)"},
        ((0.1, 0.0), (1.8, 0.5), (-0.5, 1.5), (0.3, -1.6)),
    ),
    DiscoverySystem(
        "dynamo_disc",
        "mechanics",
        "E. C. Bullard, Proc. Camb. Phil. Soc. 51, 1955 (with friction)",
        25.0,
        {"i": "i*w - 0.8*i", "w": "1.5 - i^2 - 0.3*w"},
        ((0.3, 1.0), (1.5, 0.5), (1.0, 2.5), (0.2, 2.0)),
    ),
)

CHAOS = (
    DiscoverySystem(
        "chen",
        "chaos",
        "G. Chen and T. Ueta, Int. J. Bifurcation Chaos 9, 1999",
        3.0,
        {"x": "35*(y - x)", "y": "-7*x - x*z + 28*y", "z": "x*y - 3*z"},
        ((-3.0, 2.0, 20.0), (5.0, 5.0, 18.0), (-8.0, -6.0, 25.0), (3.0, -1.0, 15.0)),
    ),
    DiscoverySystem(
        "thomas",
        "chaos",
        "R. Thomas, Int. J. Bifurcation Chaos 9, 1999",
        40.0,
        {"x": "sin(y) - 0.19*x", "y": "sin(z) - 0.19*y", "z": "sin(x) - 0.19*z"},
        ((1.0, 0.5, -1.0), (2.5, -1.0, 1.5), (-2.0, 3.0, 0.5), (0.5, -2.5, 2.0)),
    ),
    DiscoverySystem(
        "halvorsen",
        "chaos",
        f"{SPROTT}, section 4.2 (Halvorsen)",
        6.0,
        {
            "x": "-1.3*x - 4*y - 4*z - y^2",
            "y": "-1.3*y - 4*z - 4*x - z^2",
            "z": "-1.3*z - 4*x - 4*y - x^2",
        },
        ((-5.0, 0.0, 2.0), (-6.4, 1.0, 0.5), (1.0, -4.0, -2.0), (0.0, 2.0, -6.0)),
    ),
    DiscoverySystem(
        "rabinovich_fabrikant",
        "chaos",
        "M. I. Rabinovich and A. L. Fabrikant, Sov. Phys. JETP 50, 1979",
        12.0,
        {
            "x": "y*(z - 1 + x^2) + 0.1*x",
            "y": "x*(3*z + 1 - x^2) + 0.1*y",
            "z": "-2*z*(0.14 + x*y)",
        },
        ((0.5, 0.5, 0.5), (-1.0, 0.2, 0.6), (0.3, -0.8, 0.4), (0.9, 0.1, 0.8)),
    ),
    DiscoverySystem(
        "chua_cubic",
        "chaos",
        "G.-Q. Zhong, IEEE Trans. Circuits Syst. I 41, 1994 (Chua's circuit with a cubic)",
        20.0,
        {"x": "10*(y + 0.1667*x - 0.0667*x^3)", "y": "x - y + z", "z": "-14.286*y"},
        ((0.5, 0.1, 0.0), (1.5, -0.2, -1.0), (-1.0, 0.2, 1.5), (2.0, 0.3, -2.5)),
    ),
    DiscoverySystem(
        "rikitake",
        "chaos",
        "T. Rikitake, Proc. Camb. Phil. Soc. 54, 1958",
        25.0,
        {"x": "-x + z*y", "y": "-y + (z - 3)*x", "z": "1 - x*y"},
        ((1.0, 0.5, 3.0), (-1.5, -0.5, 4.0), (2.0, 1.0, 2.0), (0.5, 1.0, 5.0)),
    ),
    DiscoverySystem(
        "lorenz_84",
        "chaos",
        "E. N. Lorenz, Tellus 36A, 1984",
        15.0,
        {
            "x": "-y^2 - z^2 - 0.25*x + 2",
            "y": "x*y - 4*x*z - y + 1",
            "z": "4*x*y + x*z - z",
        },
        ((1.0, 0.5, 0.5), (0.2, 1.5, -0.5), (2.0, -0.5, 1.0), (1.5, 0.0, -1.2)),
    ),
    DiscoverySystem(
        "nose_hoover",
        "chaos",
        "W. G. Hoover, Phys. Rev. A 31, 1985; J. C. Sprott, Phys. Rev. E 50, 1994 (case A)",
        25.0,
        {"x": "y", "y": "-x + y*z", "z": "1 - y^2"},
        ((0.5, 1.5, 0.0), (0.0, 3.0, 0.5), (1.0, -2.0, 1.0), (-2.0, 0.5, -0.5)),
    ),
    DiscoverySystem(
        "forced_duffing",
        "chaos",
        "Y. Ueda, J. Stat. Phys. 20, 1979",
        25.0,
        {"x": "v", "v": "-0.1*v - x^3 + 2.5*cos(1.1*t)"},
        ((0.5, 0.0), (2.0, 1.0), (-1.5, 2.0), (1.0, -3.0)),
    ),
)

MATTER = (*CHEMISTRY, *MECHANICS, *CHAOS)

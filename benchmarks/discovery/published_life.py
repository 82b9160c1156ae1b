"""Published systems of ecology, epidemics, neuroscience, pharmacology and cells, with constants of their usual regime.

`span` is ten characteristic times (periods of what oscillates, time constants of what settles).
"""

from __future__ import annotations

from benchmarks.discovery.system import DiscoverySystem

ECOLOGY = (
    DiscoverySystem(
        "holling_3",
        "ecology",
        "C. S. Holling, Can. Entomol. 91, 1959 (type III)",
        30.0,
        {"x": "x*(1 - x/6) - 1.5*x^2*y/(1.2 + x^2)", "y": "0.8*x^2*y/(1.2 + x^2) - 0.4*y"},
        ((2.0, 1.0), (5.0, 0.4), (0.6, 2.5), (3.5, 2.0)),
    ),
    DiscoverySystem(
        "leslie_gower",
        "ecology",
        "P. H. Leslie and J. C. Gower, Biometrika 47, 1960",
        20.0,
        {"x": "x*(1.2 - 0.2*x) - 0.5*x*y", "y": "0.6*y*(1 - 1.1*y/x)"},
        ((2.0, 0.5), (5.0, 2.5), (1.0, 2.0), (4.0, 0.3)),
    ),
    DiscoverySystem(
        "spruce_budworm",
        "ecology",
        "D. Ludwig, D. D. Jones and C. S. Holling, J. Anim. Ecol. 47, 1978",
        20.0,
        {"x": "0.55*x*(1 - x/9) - x^2/(1 + x^2)"},
        ((0.1,), (8.0,), (2.5,), (4.5,)),
    ),
    DiscoverySystem(
        "ivlev",
        "ecology",
        "V. S. Ivlev, Experimental Ecology of the Feeding of Fishes, 1961",
        30.0,
        {"x": "x*(1 - x/7) - 1.5*y*(1 - exp(-0.6*x))", "y": "y*(0.9*(1 - exp(-0.6*x)) - 0.5)"},
        ((2.0, 1.0), (5.0, 0.5), (1.0, 0.3), (3.0, 1.5)),
    ),
    DiscoverySystem(
        "mutualism",
        "ecology",
        "R. M. May, Theoretical Ecology, 1976, ch. 4",
        15.0,
        {"x": "0.8*x*(1 - x/(3 + 0.5*y))", "y": "0.6*y*(1 - y/(2 + 0.4*x))"},
        ((0.3, 0.5), (6.0, 0.4), (0.5, 5.0), (7.0, 6.0)),
    ),
    DiscoverySystem(
        "food_chain",
        "ecology",
        "A. Hastings and T. Powell, Ecology 72, 1991",
        150.0,
        {
            "x": "x*(1 - x) - 5*x*y/(1 + 3*x)",
            "y": "5*x*y/(1 + 3*x) - 0.1*y*z/(1 + 2*y) - 0.4*y",
            "z": "0.1*y*z/(1 + 2*y) - 0.01*z",
        },
        ((0.7, 0.2, 9.0), (0.5, 0.1, 8.0), (0.9, 0.3, 10.0), (0.4, 0.25, 7.5)),
    ),
    DiscoverySystem(
        "beddington_deangelis",
        "ecology",
        "J. R. Beddington, J. Anim. Ecol. 44, 1975; D. L. DeAngelis et al., Ecology 56, 1975",
        25.0,
        {
            "x": "1.2*x*(1 - x/8) - 1.4*x*y/(1 + 0.5*x + 0.3*y)",
            "y": "0.9*x*y/(1 + 0.5*x + 0.3*y) - 0.6*y",
        },
        ((2.0, 1.0), (6.0, 0.5), (1.0, 3.0), (4.0, 2.5)),
    ),
    DiscoverySystem(
        "herd_behaviour",
        "ecology",
        "P. A. Braza, Nonlinear Anal. Real World Appl. 13, 2012",
        25.0,
        {"x": "x*(1 - x/4) - 0.9*sqrt(x)*y", "y": "0.6*sqrt(x)*y - 0.95*y"},
        ((2.0, 0.6), (3.5, 0.8), (2.6, 0.3), (3.0, 1.1)),
    ),
    DiscoverySystem(
        "harvested_fish",
        "ecology",
        "M. B. Schaefer, Bull. Inter-Am. Trop. Tuna Comm. 1, 1954 (effort as a state: V. L. Smith, Am. Econ. Rev. 58, 1968)",
        40.0,
        {"x": "0.6*x*(1 - x/8) - 0.3*x*h", "h": "0.3*(0.4*x - 1)*h"},
        ((6.0, 0.4), (3.0, 2.0), (1.5, 0.6), (7.0, 1.5)),
    ),
    DiscoverySystem(
        "algae_bloom",
        "ecology",
        "J. E. Truscott and J. Brindley, Bull. Math. Biol. 56, 1994",
        60.0,
        {"p": "0.43*p*(1 - p) - z*p^2/(0.0033 + p^2)", "z": "0.05*z*p^2/(0.0033 + p^2) - 0.012*z"},
        ((0.1, 0.05), (0.4, 0.1), (0.05, 0.03), (0.7, 0.15)),
    ),
)

EPIDEMICS = (
    DiscoverySystem(
        "sirs_demography",
        "epidemics",
        "H. W. Hethcote, Math. Biosci. 28, 1976",
        40.0,
        {
            "s": "0.1*(1 - s) - 1.5*s*i + 0.2*r",
            "i": "1.5*s*i - 0.6*i",
            "r": "0.5*i - 0.3*r",
        },
        ((0.95, 0.05, 0.0), (0.6, 0.3, 0.1), (0.4, 0.02, 0.58), (0.8, 0.1, 0.1)),
    ),
    DiscoverySystem(
        "psychological_effect",
        "epidemics",
        "D. Xiao and S. Ruan, Math. Biosci. 208, 2007",
        30.0,
        {"s": "0.6 - 0.2*s - 1.8*s*i/(1 + 0.6*i^2)", "i": "1.8*s*i/(1 + 0.6*i^2) - 0.7*i"},
        ((3.0, 0.05), (1.0, 1.5), (2.0, 0.4), (0.3, 2.5)),
    ),
    DiscoverySystem(
        "malaria",
        "epidemics",
        "R. Ross, The Prevention of Malaria, 1911; G. Macdonald, The Epidemiology and Control of Malaria, 1957",
        40.0,
        {"h": "0.5*m*(1 - h) - 0.15*h", "m": "0.6*h*(1 - m) - 0.3*m"},
        ((0.05, 0.02), (0.9, 0.1), (0.1, 0.8), (0.7, 0.7)),
    ),
    DiscoverySystem(
        "cholera",
        "epidemics",
        "C. T. Codeco, BMC Infect. Dis. 1, 2001",
        30.0,
        {
            "s": "-1.2*b*s/(0.8 + b) + 0.05*(1 - s)",
            "i": "1.2*b*s/(0.8 + b) - 0.4*i",
            "b": "1.5*i - 0.6*b",
        },
        ((0.98, 0.02, 0.05), (0.6, 0.3, 0.1), (0.9, 0.0, 1.0), (0.4, 0.1, 0.6)),
    ),
    DiscoverySystem(
        "rumour",
        "epidemics",
        "D. J. Daley and D. G. Kendall, Nature 204, 1964",
        15.0,
        {"x": "-1.1*x*y", "y": "1.1*x*y - 0.7*y*(1 - x)"},
        ((0.95, 0.05), (0.6, 0.4), (0.8, 0.02), (0.5, 0.1)),
    ),
    DiscoverySystem(
        "limited_treatment",
        "epidemics",
        "X. Zhang and X. Liu, J. Math. Anal. Appl. 348, 2008",
        30.0,
        {"s": "0.5 - 0.2*s - 0.8*s*i", "i": "0.8*s*i - 0.3*i - 0.6*i/(1 + 1.5*i)"},
        ((2.4, 0.1), (1.0, 1.2), (2.0, 0.5), (0.5, 2.0)),
    ),
)

NEUROSCIENCE = (
    DiscoverySystem(
        "hindmarsh_rose",
        "neuroscience",
        "J. L. Hindmarsh and R. M. Rose, Proc. R. Soc. B 221, 1984",
        60.0,
        {"x": "y - x^3 + 3*x^2 - z + 3.2", "y": "1 - 5*x^2 - y", "z": "0.02*(4*(x + 1.6) - z)"},
        ((-1.0, -4.0, 3.0), (1.0, 0.0, 3.2), (0.0, -1.0, 2.6), (-1.4, -8.0, 3.5)),
    ),
    DiscoverySystem(
        "wilson_cowan",
        "neuroscience",
        "H. R. Wilson and J. D. Cowan, Biophys. J. 12, 1972 (without refractory terms)",
        30.0,
        {"e": "-e + 1/(1 + exp(2 + 6*i - 8*e))", "i": "-0.5*i + 0.5/(1 + exp(3.5 - 7*e))"},
        ((0.1, 0.1), (0.8, 0.2), (0.3, 0.7), (0.6, 0.9)),
    ),
    DiscoverySystem(
        "hopfield_pair",
        "neuroscience",
        "J. J. Hopfield, Proc. Natl. Acad. Sci. 81, 1984",
        15.0,
        {"x": "-x + 2*tanh(1.1*x - 0.9*y)", "y": "-y + 2*tanh(0.8*x + 0.7*y)"},
        ((0.5, 0.0), (-1.5, 1.0), (0.1, -1.8), (1.8, 1.8)),
    ),
    DiscoverySystem(
        "theta_pair",
        "neuroscience",
        "Y. Kuramoto, Int. Symp. Math. Problems in Theor. Phys., 1975",
        12.0,
        {"a": "1.2 + 0.8*sin(b - a)", "b": "1.9 + 0.8*sin(a - b)"},
        ((0.0, 2.0), (1.0, -1.5), (-2.0, 0.5), (3.0, 0.0)),
    ),
    DiscoverySystem(
        "synaptic_depression",
        "neuroscience",
        "M. V. Tsodyks and H. Markram, Proc. Natl. Acad. Sci. 94, 1997 (with facilitation, mean field)",
        10.0,
        {"r": "(1 - r)/0.8 - 3*u*r", "u": "(0.2 - u)/1.5 + 0.6*(1 - u)"},
        ((1.0, 0.2), (0.3, 0.8), (0.6, 0.05), (0.1, 0.5)),
    ),
)

PHARMACOLOGY = (
    DiscoverySystem(
        "indirect_response",
        "pharmacology",
        "N. L. Dayneka, V. Garg and W. J. Jusko, J. Pharmacokinet. Biopharm. 21, 1993",
        20.0,
        {"c": "-0.4*c", "e": "2*(1 - c/(0.8 + c)) - 0.5*e"},
        ((5.0, 4.0), (2.0, 1.0), (10.0, 3.0), (1.0, 6.0)),
    ),
    DiscoverySystem(
        "target_mediated",
        "pharmacology",
        "D. E. Mager and W. J. Jusko, J. Pharmacokinet. Pharmacodyn. 28, 2001",
        20.0,
        {
            "c": "-0.2*c - 0.9*c*r + 0.15*p",
            "r": "0.5 - 0.25*r - 0.9*c*r + 0.15*p",
            "p": "0.9*c*r - 0.3*p",
        },
        ((4.0, 2.0, 0.0), (1.0, 2.0, 0.5), (8.0, 1.0, 0.0), (2.0, 0.5, 1.5)),
    ),
    DiscoverySystem(
        "minimal_model",
        "pharmacology",
        "R. N. Bergman et al., Am. J. Physiol. 236, 1979 (insulin as a state)",
        20.0,
        {
            "g": "0.9 - 0.3*g - x*g",
            "x": "-0.5*x + 0.4*(i - 0.3)",
            "i": "-0.8*i + 0.7*g^2/(4 + g^2)",
        },
        ((9.0, 0.0, 0.3), (3.0, 0.5, 1.0), (6.0, 0.1, 0.2), (12.0, 0.3, 0.8)),
    ),
    DiscoverySystem(
        "tumour_immune",
        "pharmacology",
        "V. A. Kuznetsov et al., Bull. Math. Biol. 56, 1994 (dimensionless)",
        60.0,
        {
            "e": "0.1181 + 1.131*e*u/(20.19 + u) - 0.00311*e*u - 0.3743*e",
            "u": "1.636*u*(1 - 0.002*u) - e*u",
        },
        ((0.5, 20.0), (1.5, 100.0), (1.0, 5.0), (2.0, 200.0)),
    ),
    DiscoverySystem(
        "kill_curve",
        "pharmacology",
        "R. R. Regoes et al., Antimicrob. Agents Chemother. 48, 2004",
        20.0,
        {"n": "0.7*n*(1 - n/6) - 1.8*n*c^2/(1.2 + c^2)", "c": "-0.3*c"},
        ((3.0, 4.0), (5.0, 2.0), (1.0, 1.0), (0.5, 6.0)),
    ),
)

CELLS = (
    DiscoverySystem(
        "cell_cycle",
        "chemistry",
        "J. J. Tyson, Proc. Natl. Acad. Sci. 88, 1991 (two variables)",
        12.0,
        {"u": "4*(v - u)*(0.1 + u^2) - u", "v": "0.45 - u"},
        ((0.2, 0.6), (1.0, 1.0), (0.5, 1.6), (0.8, 0.3)),
    ),
    DiscoverySystem(
        "autoregulation",
        "chemistry",
        "J. S. Griffith, J. Theor. Biol. 20, 1968",
        15.0,
        {"x": "-0.7*x + y", "y": "x^2/(1 + x^2) - 0.6*y"},
        ((0.3, 0.2), (2.5, 0.5), (0.8, 1.5), (1.8, 1.2)),
    ),
)

LIFE = (*ECOLOGY, *EPIDEMICS, *NEUROSCIENCE, *PHARMACOLOGY, *CELLS)

"""Models as text of simulation languages: Myokit, XPPAUT, Modelica, ModelingToolkit (Julia) and CellML 2."""

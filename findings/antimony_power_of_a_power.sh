#!/bin/sh
# antimony 3.3.0 (python-libsbml 5.21.2): an SBML model with the rule y = (x^2)^3 that is loaded and written as Antimony text reads
# `y := x^2^3`, which antimony itself reads back as x^(2^3): at x = 2 the rule is 64 in the file that went in and 256 in the one that
# comes out. Nothing is said on the way. A product keeps its brackets: (1*x^2)^3 comes back as it was.
# Seen on Python 3.11, Linux x86-64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "antimony==3.3.0" "python-libsbml==5.21.2"
"$folder/venv/bin/python" - <<'PYTHON'
import antimony
import libsbml

MODEL = (
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version1/core" level="3" version="1"><model id="m"><listOfParameters>'
    '<parameter id="x" value="2" constant="true"/><parameter id="y" constant="false"/></listOfParameters><listOfRules>'
    '<assignmentRule variable="y"><math xmlns="http://www.w3.org/1998/Math/MathML"><apply><power/>{base}<cn>3</cn></apply></math>'
    "</assignmentRule></listOfRules></model></sbml>"
)
SQUARE = "<apply><power/><ci>x</ci><cn>2</cn></apply>"


def value(node):
    inner = [value(node.getChild(k)) for k in range(node.getNumChildren())]
    if node.isNumber():
        return float(node.getValue())
    if node.isName():
        return 2.0
    return inner[0] ** inner[1] if node.getType() in (libsbml.AST_POWER, libsbml.AST_FUNCTION_POWER) else inner[0] * inner[1]


def rule(sbml):
    document = libsbml.readSBMLFromString(sbml)  # its parts live as long as it does
    return value(document.getModel().getRule(0).getMath())


def through_text(sbml):
    antimony.clearPreviousLoads()
    assert antimony.loadSBMLString(sbml) >= 0
    text = antimony.getAntimonyString(antimony.getMainModuleName())
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(text) >= 0
    return antimony.getSBMLString(antimony.getMainModuleName())


bare = MODEL.format(base=SQUARE)
product = MODEL.format(base=f"<apply><times/><cn>1</cn>{SQUARE}</apply>")
print("bare:", rule(bare), "->", rule(through_text(bare)), " product:", rule(product), "->", rule(through_text(product)))
assert rule(bare) == 64.0 and rule(through_text(bare)) == 256.0
assert rule(product) == rule(through_text(product)) == 64.0
print("seen: 64 became 256")
PYTHON

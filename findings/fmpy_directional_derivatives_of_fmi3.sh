#!/bin/sh
# fmpy 0.3.32: an FMU of FMI 3 that says `providesDirectionalDerivatives="true"`, as the standard spells it, has
# `providesDirectionalDerivative` False once fmpy has read it, and nothing named as in the file; one of FMI 2 has it True. Whoever asks fmpy takes
# differences where the FMU gives derivatives. Seen on Python 3.11, Linux x86-64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "fmpy==0.3.32"
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import pathlib
import sys
import zipfile

from fmpy import read_model_description

THREE = """<fmiModelDescription fmiVersion="3.0" modelName="m" instantiationToken="t">
<ModelExchange modelIdentifier="m" providesDirectionalDerivatives="true"/>
<ModelVariables><Float64 name="time" valueReference="0" causality="independent" variability="continuous"/></ModelVariables>
<ModelStructure/></fmiModelDescription>"""
TWO = """<fmiModelDescription fmiVersion="2.0" modelName="m" guid="t" numberOfEventIndicators="0">
<ModelExchange modelIdentifier="m" providesDirectionalDerivative="true"/>
<ModelVariables><ScalarVariable name="y" valueReference="0" causality="output"><Real/></ScalarVariable></ModelVariables>
<ModelStructure><Outputs><Unknown index="1"/></Outputs></ModelStructure></fmiModelDescription>"""

found = {}
for version, text in (("2.0", TWO), ("3.0", THREE)):
    path = pathlib.Path(sys.argv[1]) / f"{version}.fmu"
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("modelDescription.xml", text)
    exchange = read_model_description(str(path), validate=False).modelExchange
    found[version] = exchange.providesDirectionalDerivative, hasattr(exchange, "providesDirectionalDerivatives")
    print(version, found[version])
assert found == {"2.0": (True, False), "3.0": (False, False)}, "the finding is not seen with this version"
PYTHON

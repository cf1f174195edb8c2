# The only functions of the workflow: what the parameter file says about inputs, and which of its keys a rule depends on.
from pathlib import Path

from wildvalues.errors import WildvaluesError
from wildvalues.params import load_params
from wildvalues.tools.engines import changed_keys, value_at

try:
    load_params()
    if overridden := changed_keys(config):
        raise WorkflowError(
            f"--config {overridden[0]} would change what Snakemake sees but not what the stages do: "
            "change params.yaml instead, or use `dvc exp run -S KEY=VALUE`"
        )
except WildvaluesError as error:
    raise WorkflowError(str(error))


def keys(*names):
    """The values of parameter keys, so that a change of any of them runs the rule again."""
    return {name.replace(".", "_"): value_at(config, name) for name in names}


def if_there(place):
    """A file that a study may do without."""
    return [place] if Path(place).exists() else []


def files_below(place, pattern="**/*"):
    """A file, or every file below a folder: Snakemake does not look into folders that are inputs."""
    place = Path(place)
    return (
        sorted(str(path) for path in place.glob(pattern) if path.is_file())
        if place.is_dir()
        else [str(place)]
    )

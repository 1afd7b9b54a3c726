"""How the service answers: settings on four levels, each of which wins over those before it.

static (the deployment), dynamic (the administrators), user (preferences), conversation: one module each. `resolution`
tells what applies in the end, and checks the names that a level chooses.
"""

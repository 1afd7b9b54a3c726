"""The error codes of connectors, and why a run fails or stops."""

from chalicelib.core import errors

errors.register(
    no_consent=(409, "This connector asks nobody for consent, or lacks the client that asks."),
    consent_refused=(422, "The consent is not valid. Begin again."),
    connector_disabled=(409, "The connector is disabled. Enable it first."),
    settings_fixed=(409, "The settings of this connector do not change now."),
    private_addresses=(
        403,
        "Only an administrator lets a connector reach private addresses, or says where such a one goes.",
    ),
)

errors.register_failures(
    source_unavailable="The source cannot be reached, or answers with errors. The connector tries again later.",
    source_not_found="What the settings name does not exist at the source. Correct the settings.",
    credentials_refused="The source refuses the credentials. Enter new ones, or connect again.",
    too_many_removals=(
        "The source lists far fewer items than before. Nothing was removed. Look at the source; if the items are "
        "really gone, start a run with `allow_removals`."
    ),
    sync_too_large="The source has more than one run takes. Narrow the settings, or split the source.",
    connector_owner_left=(
        "The user who connected the source is gone or can no longer write to its space. Another person takes it over."
    ),
    sync_gave_up="Five workers in succession ended without finishing a page of the source.",
)

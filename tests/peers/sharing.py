"""Who may read a drive's files: grants on files and folders, which files inherit, and groups; as both APIs tell it.

The rule is the services': whoever is granted on the file itself, or on a folder above it, reads it; a group grants its
members, those of its groups among them. Links grant nobody by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What a grant is made to: ('user', address), ('group', id), ('domain', name), ('anyone', ''), ('link', '').
Grantee = tuple[str, str]


@dataclass
class Sharing:
    """Grants by the ids of files and folders, and the members of groups: addresses, or ids of groups."""

    grants: dict[str, set[Grantee]] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    # Files whose permissions nobody tells, and groups whose members nobody tells.
    secret: set[str] = field(default_factory=set)
    secret_groups: set[str] = field(default_factory=set)

    def of(self, node_id: str, parents: Mapping[str, str]) -> set[Grantee]:
        """Every grant that holds for a file: its own, and those of the folders above it."""
        result: set[Grantee] = set()
        at: str | None = node_id
        while at is not None:
            result |= self.grants.get(at, set())
            at = parents.get(at)
        return result

    def members(self, group: str) -> set[str]:
        """The addresses of a group's members, those of its groups among them."""
        result: set[str] = set()
        waiting, seen = [group], set[str]()
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            for member in self.groups.get(one, set()):
                if member in self.groups:
                    waiting.append(member)
                else:
                    result.add(member)
        return result

    def may_read(self, address: str, node_id: str, parents: Mapping[str, str]) -> bool:
        """The source's own rule for who is among a file's readers."""
        for kind, name in self.of(node_id, parents):
            if kind == "anyone" or (kind == "user" and name == address):
                return True
            if kind == "domain" and address.endswith(f"@{name}"):
                return True
            if kind == "group" and name not in self.secret_groups and address in self.members(name):
                return True
        return False

    def google(self, node_id: str, parents: Mapping[str, str]) -> list[dict[str, Any]]:
        """The permissions of a file, as the Drive API v3 has them."""
        return [_google(grantee) for grantee in sorted(self.of(node_id, parents))]

    def graph(self, node_id: str, parents: Mapping[str, str]) -> list[dict[str, Any]]:
        """The permissions of an item, as Microsoft Graph has them; a domain is a SharePoint group there."""
        return [_graph(grantee) for grantee in sorted(self.of(node_id, parents))]


def _google(grantee: Grantee) -> dict[str, Any]:
    kind, name = grantee
    if kind in {"user", "group"}:
        return {"id": f"p-{kind}-{name}", "type": kind, "role": "reader", "emailAddress": name, "deleted": False}
    if kind == "domain":
        return {"id": f"{name}k", "type": "domain", "role": "reader", "domain": name, "allowFileDiscovery": True}
    is_listed = kind == "anyone"
    name = "anyone" if is_listed else "anyoneWithLink"
    return {"id": name, "type": "anyone", "role": "reader", "allowFileDiscovery": is_listed}


def _graph(grantee: Grantee) -> dict[str, Any]:
    kind, name = grantee
    if kind == "user":
        # Graph often leaves the address out.
        identity = {"user": {"id": name, "displayName": name}}
        if len(name) % 2:
            return {
                "id": f"l-{name}",
                "roles": ["read"],
                "link": {"scope": "users"},
                "grantedToIdentitiesV2": [identity],
            }
        identity["user"]["email"] = name
        return {"id": f"p-{name}", "roles": ["read"], "grantedToV2": identity}
    if kind == "group":
        return {"id": f"g-{name}", "roles": ["read"], "grantedToV2": {"group": {"id": name, "displayName": name}}}
    if kind == "domain":
        return {"id": f"s-{name}", "roles": ["read"], "grantedToV2": {"siteGroup": {"id": "5", "displayName": name}}}
    return {"id": f"o-{kind}", "roles": ["read"], "link": {"scope": "organization", "type": "view"}}

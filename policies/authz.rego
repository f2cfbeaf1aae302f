# Who may call what: deny by default, one row of data per endpoint.
#
# input:  method, route (the matched template), authenticated, scopes (array)
# data:   endpoints["METHOD /route"] = {operation, method, path, access, scopes, anyOf}
# answer: decision = {"allow": true} or {"allow": false, "reason": ..., "required": [...], "any": ...}
package agentidp.authz

import rego.v1

default decision := {"allow": false, "reason": "unknown_endpoint"}

endpoint := data.endpoints[concat(" ", [input.method, input.route])]

required := object.get(endpoint, "scopes", [])

any_of := object.get(endpoint, "anyOf", [])

decision := {"allow": true} if endpoint.access != "bearer"

decision := {"allow": true} if {
	endpoint.access == "bearer"
	input.authenticated
	has_every_scope
	has_one_scope
}

decision := {"allow": false, "reason": "unauthenticated"} if {
	endpoint.access == "bearer"
	not input.authenticated
}

decision := {"allow": false, "reason": "insufficient_scope", "required": required} if {
	endpoint.access == "bearer"
	input.authenticated
	not has_every_scope
}

decision := {"allow": false, "reason": "insufficient_scope", "required": any_of, "any": true} if {
	endpoint.access == "bearer"
	input.authenticated
	has_every_scope
	not has_one_scope
}

has_every_scope if {
	every scope in required {
		scope in input.scopes
	}
}

has_one_scope if count(any_of) == 0

has_one_scope if {
	some scope in any_of
	scope in input.scopes
}

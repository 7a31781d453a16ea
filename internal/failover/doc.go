// Package failover runs three real servers on a real PostgreSQL with standbys, takes away primaries and servers under load,
// and holds what is left to what clients were told: nothing acknowledged is lost, nothing is made twice, no webhook tells of
// what vanished, and there are errors only while there is no primary.
//
// It has tests only. What one server does when it is killed is package durability's; how PostgreSQL is started and failed
// over is package pgtest's. Invariant: every expectation comes from an answer that a client has got, or a webhook that a
// receiver has got, and is checked through the API; the database itself is never read.
package failover

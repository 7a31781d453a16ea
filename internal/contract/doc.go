// Package contract is the black-box suite for the wire contract: it builds the
// real binary, starts it and checks over HTTP, row by row, what §1
// (conventions), §2 (sessions), §3 (orders) and §5 (sandbox gateway) promise to
// a client. It does so twice: on a development server with SQLite, and on two
// nodes with one PostgreSQL database, where the requests of a case go to one
// node and the other in turn.
//
// It is not a unit test: of this module it imports only what starts servers, so
// that it sees what a partner sees and stays true when the inside is rebuilt.
//
// Invariant: every case is named by the section it holds the server to, and
// every answer any case receives, success or failure, is also held to the
// conventions of §1 (request id, content type, error envelope).
package contract

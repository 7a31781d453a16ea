package checkout

import "time"

// Limits of the wire contract.
const (
	MaxBodyBytes          = 64 << 10 // contract §1
	MaxExternalIDChars    = 255      // contract §2.1
	MaxAddressChars       = 255
	MaxRedirectURLChars   = 2048
	MaxMetadataMembers    = 20
	MaxMetadataBytes      = 4096
	MaxMetadataLevels     = 2
	MaxExpiresInSeconds   = 86400
	DefaultExpiresSeconds = 1800
	MaxEmailChars         = 254 // RFC 5321
	MaxIdempotencyChars   = 255
	MaxPageSize           = 100
	DefaultPageSize       = 25
	IdempotencyWindow     = 24 * time.Hour
)

package checkout

import "time"

// ConfirmSession is the body of POST /v1/sessions/{id}/confirm.
type ConfirmSession struct {
	Problems           Problems
	ClientSecret       *string
	DestinationAddress *string
	DestinationTag     *string
	Network            *string
}

// Check is the part of the checks that needs no session.
func (in *ConfirmSession) Check() error {
	requireText(&in.Problems, "clientSecret", in.ClientSecret)
	if in.DestinationAddress != nil {
		checkText(&in.Problems, "destinationAddress", *in.DestinationAddress, MaxAddressChars)
	}
	if in.DestinationTag != nil {
		checkText(&in.Problems, "destinationTag", *in.DestinationTag, MaxAddressChars)
	}
	network := checkForm(&in.Problems, "network", in.Network, foldNetwork)
	if in.Network != nil {
		in.Network = &network
	}
	return in.Problems.Err()
}

// Apply confirms the session: its status, and the unlocked members that the request gives. The session must be usable.
func (in *ConfirmSession) Apply(s *Session, now time.Time, strict bool) error {
	p := &in.Problems
	field := "network"
	if in.Network != nil {
		s.checkText(p, LockNetwork, "network", *in.Network)
		if !s.FieldLocks[LockNetwork].Locked {
			s.Network = *in.Network
		}
	}
	if in.DestinationAddress != nil {
		field = "destinationAddress"
	}
	s.DestinationAddress, s.DestinationTag = s.chooseWallet(p, "destinationAddress", in.DestinationAddress, "destinationTag", in.DestinationTag)
	if in.Network != nil || in.DestinationAddress != nil {
		s.checkAddress(p, field, strict)
	}
	checkTag(p, "destinationTag", s.Network, s.DestinationAddress, s.DestinationTag)
	s.Status = SessionConfirmed
	s.UpdatedAt = now
	return p.Err()
}

func requireText(p *Problems, field string, value *string) {
	switch {
	case value == nil && !p.Has(field):
		p.Add(field, "is required")
	case value != nil && *value == "":
		p.Add(field, "must not be empty")
	}
}

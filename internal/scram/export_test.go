package scram

// WithNonce makes the server's nonces the given one, for the examples of RFC 7677.
func (s *Server) WithNonce(nonce string) *Server {
	s.nonce = func() string { return nonce }
	return s
}

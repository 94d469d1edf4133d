// Package auth verifies the bearer tokens of the HTTP API, as Supabase issues
// them.
//
// There are two sorts of keys, and both may be configured at once, so that a
// project can move from one to the other while all its users stay signed in:
//
//	HS256                  the shared secret, and nothing else
//	ES256, RS256, EdDSA    the public keys of the JWKS, by their kid
//
// The key decides the algorithm. The header of a token only says which key it
// means: a header that names another algorithm than its key's is rejected, so that
// a public key can never serve as a shared secret.
//
// The public keys are cached. Verifier.Run fetches them, again at each interval,
// and again when a token names a key that is not in the cache. Only a valid response
// replaces them: while the JWKS server is out of reach, the last known keys stay in
// use.
package auth

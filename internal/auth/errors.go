package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrToken is returned by Verify (errors.Is) for a token that it does not accept:
	// 401. The text says why, and holds no part of the token.
	ErrToken = errors.New("the token is refused")
	// ErrKeys is returned by Verify for a token that needs the JWKS, until the JWKS
	// server has responded once, and (errors.Is) for a token whose key the server may have
	// published since its last response: 503.
	ErrKeys = errors.New("the signing keys are not known yet: the JWKS server has not answered")
	// ErrOneFactor is returned by Verify for a good token of a user who has signed in with
	// one factor, where RequireAAL2 demands two: 403.
	ErrOneFactor = errors.New("the user has signed in with one factor, and a second one is required here (aal2)")
	// ErrDisabled is returned by New for a Config that is not Enabled: 501.
	ErrDisabled = errors.New("authentication is not configured; set Secret or JWKSURL")
)

// StaleError is an ErrKeys for a token whose key is not in the JWKS as it was last fetched.
type StaleError struct {
	After time.Duration // until the JWKS may be fetched for such a token
}

// Error implements error.
func (StaleError) Error() string {
	return "the key (kid) of the token is not known yet, and the JWKS cannot be fetched at this moment: try again"
}

// Is makes each StaleError an ErrKeys.
func (StaleError) Is(target error) bool { return target == ErrKeys }

// tokenError is an ErrToken with its reason. The reasons are constants, so that
// no reason can hold a part of the token.
type tokenError string

func (r tokenError) Error() string { return ErrToken.Error() + ": " + string(r) }

// Is makes each tokenError an ErrToken.
func (r tokenError) Is(target error) bool { return target == ErrToken }

const (
	tooLong        tokenError = "it is longer than 8 KiB"
	malformed      tokenError = "it is not a JSON Web Token"
	badClaims      tokenError = "a claim of it is not of its type"
	critHeader     tokenError = "its header demands an extension (crit)"
	badAlgorithm   tokenError = "its algorithm (alg) is not accepted here"
	wrongAlgorithm tokenError = "its algorithm (alg) is not that of its key"
	unknownKey     tokenError = "its key (kid) is not in the JWKS"
	unnamedKey     tokenError = "it names no key (kid), and the JWKS has not exactly one for its algorithm"
	badSignature   tokenError = "its signature is wrong"
	expired        tokenError = "it has expired (exp)"
	noExpiry       tokenError = "it has no time of expiry (exp)"
	notYetValid    tokenError = "it is not valid yet (nbf)"
	issuedLater    tokenError = "it was issued in the future (iat)"
	wrongAudience  tokenError = "it is for another audience (aud)"
	wrongIssuer    tokenError = "it is from another issuer (iss)"
	badSubject     tokenError = "its subject (sub) is not the UUID of a user"
	badRole        tokenError = "its role is not one that may use the API"
)

// translate turns an error of the library's Parse into an error of this package.
// The library's text is dropped: it may quote the token. A token that has several errors
// gets the reason of the first in the list.
func translate(err error) error {
	if stale, ok := errors.AsType[StaleError](err); ok {
		return stale
	}
	if errors.Is(err, ErrKeys) {
		return ErrKeys
	}
	if own, ok := errors.AsType[tokenError](err); ok {
		return own
	}
	for _, r := range []struct {
		err    error
		reason tokenError
	}{
		{jwt.ErrTokenMalformed, malformed},
		{jwt.ErrTokenSignatureInvalid, badSignature},
		{jwt.ErrTokenUnverifiable, badAlgorithm},
		{jwt.ErrInvalidType, badClaims},
		{jwt.ErrTokenRequiredClaimMissing, noExpiry},
		{jwt.ErrTokenExpired, expired},
		{jwt.ErrTokenNotValidYet, notYetValid},
		{jwt.ErrTokenUsedBeforeIssued, issuedLater},
	} {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return malformed
}

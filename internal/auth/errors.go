package auth

import (
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

var (
	// ErrToken is what every refusal of a token by Verify is (errors.Is): 401. The
	// text says why, and holds nothing of the token.
	ErrToken = errors.New("the token is refused")
	// ErrKeys is returned by Verify for a token that needs the JWKS, as long as the
	// JWKS server has never answered: 503.
	ErrKeys = errors.New("the signing keys are not known yet: the JWKS server has not answered")
	// ErrDisabled is returned by New for a Config that is not Enabled: 501.
	ErrDisabled = errors.New("authentication is not configured; set TASKSYNC_JWT_SECRET or TASKSYNC_JWKS_URL")
)

// refusal is an ErrToken with its reason. The reasons are constants, so that
// none can hold a part of the token.
type refusal string

func (r refusal) Error() string { return ErrToken.Error() + ": " + string(r) }

// Is makes each refusal an ErrToken.
func (r refusal) Is(target error) bool { return target == ErrToken }

const (
	tooLong        refusal = "it is longer than 8 KiB"
	malformed      refusal = "it is not a JSON Web Token"
	badClaims      refusal = "a claim of it is not of its type"
	critical       refusal = "its header demands an extension (crit)"
	badAlgorithm   refusal = "its algorithm (alg) is not accepted here"
	wrongAlgorithm refusal = "its algorithm (alg) is not that of its key"
	unknownKey     refusal = "its key (kid) is not in the JWKS"
	unnamedKey     refusal = "it names no key (kid), and the JWKS has not exactly one for its algorithm"
	badSignature   refusal = "its signature is wrong"
	expired        refusal = "it has expired (exp)"
	endless        refusal = "it has no time of expiry (exp)"
	notYetValid    refusal = "it is not valid yet (nbf)"
	issuedLater    refusal = "it was issued in the future (iat)"
	wrongAudience  refusal = "it is for another audience (aud)"
	wrongIssuer    refusal = "it is from another issuer (iss)"
	badSubject     refusal = "its subject (sub) is not the UUID of a user"
	badRole        refusal = "its role is not one that may use the API"
)

// reasons are the library's errors in our words. Of the errors that a token has
// at once, the first here is told.
func reasons() []struct {
	err    error
	reason refusal
} {
	return []struct {
		err    error
		reason refusal
	}{
		{jwt.ErrTokenMalformed, malformed},
		{jwt.ErrTokenSignatureInvalid, badSignature},
		{jwt.ErrTokenUnverifiable, badAlgorithm},
		{jwt.ErrInvalidType, badClaims},
		{jwt.ErrTokenRequiredClaimMissing, endless},
		{jwt.ErrTokenExpired, expired},
		{jwt.ErrTokenNotValidYet, notYetValid},
		{jwt.ErrTokenUsedBeforeIssued, issuedLater},
	}
}

// translate turns an error of the library's Parse into one of ours. Its own text
// is dropped: it may quote the token.
func translate(err error) error {
	if errors.Is(err, ErrKeys) {
		return ErrKeys
	}
	if own, ok := errors.AsType[refusal](err); ok {
		return own
	}
	for _, r := range reasons() {
		if errors.Is(err, r.err) {
			return r.reason
		}
	}
	return malformed
}

package auth

import (
	"math"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// The roles of Supabase that matter here. A signed-in user has another, mostly
// "authenticated", or none.
const (
	roleService = "service_role"
	roleAnon    = "anon" // the key that every browser has: nobody in particular
)

// legacyIssuer is the iss of Supabase's legacy API keys.
const legacyIssuer = "supabase"

// identity reads claims whose signature and times are verified.
func (v *Verifier) identity(claims jwt.MapClaims) (Identity, error) {
	role, ok := stringClaim(claims, "role")
	if !ok || !datesInRange(claims) {
		return Identity{}, badClaims
	}
	service := role == roleService
	if role == roleAnon {
		return Identity{}, badRole
	}
	if err := v.checkIssuer(claims, service); err != nil {
		return Identity{}, err
	}
	if err := v.checkAudience(claims, service); err != nil {
		return Identity{}, err
	}
	sub, ok := stringClaim(claims, "sub")
	if !ok || (!isUUID(sub) && !(service && sub == "")) {
		return Identity{}, badSubject
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return Identity{}, noExpiry
	}
	return Identity{UserID: strings.ToLower(sub), Service: service, Expires: exp.Time}, nil
}

// checkIssuer lets Supabase's service role keys pass, which have an iss of their
// own.
func (v *Verifier) checkIssuer(claims jwt.MapClaims, service bool) error {
	iss, ok := stringClaim(claims, "iss")
	switch {
	case !ok:
		return badClaims
	case v.issuer == "", iss == v.issuer, service && iss == legacyIssuer:
		return nil
	}
	return wrongIssuer
}

// checkAudience lets Supabase's service role keys pass, which have no aud.
func (v *Verifier) checkAudience(claims jwt.MapClaims, service bool) error {
	if _, present := claims["aud"]; !present && service {
		return nil
	}
	aud, err := claims.GetAudience()
	if err != nil {
		return badClaims
	}
	if !slices.Contains(aud, v.audience) {
		return wrongAudience
	}
	return nil
}

// stringClaim is a claim that is a string; "" if there is none. Not ok: it is something
// else.
func stringClaim(claims jwt.MapClaims, name string) (s string, ok bool) {
	value, present := claims[name]
	if !present {
		return "", true
	}
	s, ok = value.(string)
	return s, ok
}

// datesInRange refuses numbers that overflow when they become times, and would
// then compare as if they lay in the past.
func datesInRange(claims jwt.MapClaims) bool {
	for _, name := range []string{"exp", "nbf", "iat"} {
		value, present := claims[name]
		seconds, ok := value.(float64)
		if present && (!ok || math.Abs(seconds) > 1<<53) {
			return false
		}
	}
	return true
}

// isUUID says whether s is a UUID of the usual form, in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)):
			return false
		}
	}
	return true
}

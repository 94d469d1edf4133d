package auth

import (
	"math"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"tasksync/task"
)

// The roles of Supabase that matter here. A signed-in user has another role, mostly
// "authenticated", or none.
const (
	roleService = "service_role"
	roleAnon    = "anon" // of the key that every browser has: it stands for no user
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
	if !ok || (!task.IsUUID(sub) && !(service && sub == "")) {
		return Identity{}, badSubject
	}
	exp, err := claims.GetExpirationTime()
	if err != nil || exp == nil {
		return Identity{}, noExpiry
	}
	if aal, _ := stringClaim(claims, "aal"); v.aal2 && !service && aal != "aal2" {
		return Identity{}, ErrOneFactor
	}
	return Identity{UserID: strings.ToLower(sub), Service: service, Expires: exp.Time}, nil
}

// checkIssuer accepts Supabase's service role keys too, which have an iss of their
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

// checkAudience accepts Supabase's service role keys too, which have no aud.
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

// stringClaim returns the claim of that name, "" if there is none. It is not ok if
// the claim is not a string.
func stringClaim(claims jwt.MapClaims, name string) (s string, ok bool) {
	value, present := claims[name]
	if !present {
		return "", true
	}
	s, ok = value.(string)
	return s, ok
}

// datesInRange reports whether all dates are numbers that do not overflow as times.
// A time that overflowed would compare as if it lay in the past.
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

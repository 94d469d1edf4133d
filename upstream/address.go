package upstream

import (
	"net/http"
	"slices"
	"strings"
)

// addressHint is the next step when an answer says that the address does not exist;
// empty for any other answer.
func addressHint(resp *http.Response) string {
	if !NoSuchCall(resp.StatusCode) {
		return ""
	}
	hint := "the address does not exist there; check the API URL"
	if resp.Request == nil {
		return hint
	}
	if twice := doubled(resp.Request.URL.Path); twice != "" {
		hint += ", which makes the calls go to " + twice
	}
	return hint
}

// doubled is the part of a path that repeats, like "/api/v1/api/v1"; empty when
// nothing does.
func doubled(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for n := len(parts) / 2; n > 0; n-- {
		for i := 0; i+2*n <= len(parts); i++ {
			if slices.Equal(parts[i:i+n], parts[i+n:i+2*n]) {
				return "/" + strings.Join(parts[i:i+2*n], "/")
			}
		}
	}
	return ""
}

// cutPath is a base URL without the longest of the paths that it ends in. It cuts
// once, so that a server with its API below such a path can be reached by writing
// the path twice.
func cutPath(base string, paths []string) string {
	bare := strings.TrimRight(strings.TrimSpace(base), "/")
	longest := ""
	for _, path := range paths {
		if strings.HasSuffix(bare, path) && len(path) > len(longest) {
			longest = path
		}
	}
	return strings.TrimSuffix(bare, longest)
}

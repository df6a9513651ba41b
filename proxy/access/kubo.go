package access

import (
	"crypto/subtle"
	"strings"

	kuboconfig "github.com/ipfs/kubo/config"
)

// kuboVersion is the command that kubo allows whoever it knows.
const kuboVersion = apiPath + "version"

// kuboRefusal is what kubo says to whoever may not call a command.
const kuboRefusal = "Kubo RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations configuration."

// kuboUser is one of kubo's own authorizations (API.Authorizations): a header, and the prefixes of the paths that it opens.
type kuboUser struct {
	name   string
	header []byte // its hash
	paths  []string
}

func newKuboUsers(authorizations map[string]*kuboconfig.RPCAuthScope) []kuboUser {
	var users []kuboUser
	for name, scope := range authorizations {
		if header := kuboconfig.ConvertAuthSecret(scope.AuthSecret); header != "" {
			users = append(users, kuboUser{name, hashSecret(header), scope.AllowedPaths})
		}
	}
	return users
}

// kuboUserOf returns whom a header belongs to, or nil.
func kuboUserOf(users []kuboUser, header string) *kuboUser {
	hash := hashSecret(header)
	for i := range users {
		if subtle.ConstantTimeCompare(users[i].header, hash) == 1 {
			return &users[i]
		}
	}
	return nil
}

func (u *kuboUser) may(path string) bool {
	if path == kuboVersion {
		return true
	}
	for _, prefix := range u.paths {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

package limit

import (
	_ "embed" // the scripts
	"strings"

	"github.com/redis/rueidis"
)

//go:embed lua/common.lua
var luaCommon string

//go:embed lua/admit.lua
var luaAdmit string

//go:embed lua/seed.lua
var luaSeed string

//go:embed lua/settle.lua
var luaSettle string

//go:embed lua/register.lua
var luaRegister string

//go:embed lua/beat.lua
var luaBeat string

// serverTime is the clock of the scripts: the server's, so that all instances
// have the same.
const serverTime = "redis.call('TIME')"

// scripts are what runs in Redis.
type scripts struct {
	admit, seed, settle, register, beat *rueidis.Lua
}

func newScripts(time string) scripts {
	common := strings.Replace(luaCommon, "SERVER_TIME", time, 1)
	script := func(body string) *rueidis.Lua { return rueidis.NewLuaScript(common + body) }
	return scripts{script(luaAdmit), script(luaSeed), script(luaSettle), script(luaRegister), script(luaBeat)}
}

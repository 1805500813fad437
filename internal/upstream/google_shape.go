package upstream

import "regexp"

// The shapes of generateContent: google.ai.generativelanguage.v1beta, as js-genai's converters write it.
// Names are camelCase here; the reader turns snake_case into it first, since the API takes both.
var googleRequest = object(map[string]rule{
	"cachedContent":     text,
	"contents":          list(0, 0, googleContent),
	"generationConfig":  googleConfig,
	"safetySettings":    list(0, 0, object(map[string]rule{"category": text, "threshold": text, "method": text})),
	"serviceTier":       text,
	"store":             boolean,
	"systemInstruction": googleContent,
	"toolConfig": object(map[string]rule{
		"functionCallingConfig": object(map[string]rule{
			"mode":                        enum("MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"),
			"allowedFunctionNames":        list(0, 0, text),
			"streamFunctionCallArguments": boolean,
		}),
		"retrievalConfig": anyObj, "includeServerSideToolInvocations": boolean,
	}),
	"tools": list(0, 0, object(map[string]rule{
		"functionDeclarations": list(0, 0, googleFunction),
		"googleSearch":         anyObj, "codeExecution": anyObj, "urlContext": anyObj,
		"googleSearchRetrieval": anyObj, "googleMaps": anyObj, "fileSearch": anyObj, "computerUse": anyObj,
	})),
})

var googleContent = object(map[string]rule{"role": text, "parts": list(0, 0, googlePart)})

var googlePart = object(map[string]rule{
	"text": text, "thought": boolean, "thoughtSignature": googleBytes, "partMetadata": anyObj,
	"inlineData":       object(map[string]rule{"mimeType": text, "data": googleBytes, "displayName": text}),
	"fileData":         object(map[string]rule{"mimeType": text, "fileUri": text, "displayName": text}),
	"functionCall":     object(map[string]rule{"id": text, "name": text, "args": anyObj}),
	"functionResponse": googleResponse,
	"executableCode":   anyObj, "codeExecutionResult": anyObj, "toolCall": anyObj, "toolResponse": anyObj,
	"videoMetadata": anyObj, "mediaResolution": anything,
})

var googleResponse = object(map[string]rule{
	"id": text, "name": text, "response": anyObj, "willContinue": boolean, "scheduling": text, "parts": list(0, 0, anyObj),
})

var googleFunction = object(map[string]rule{
	"name": text, "description": text, "behavior": text,
	"parameters": googleSchema, "parametersJsonSchema": anything,
	"response": googleSchema, "responseJsonSchema": anything,
})

var googleConfig = object(map[string]rule{
	"candidateCount": integer(-noLimit, noLimit), "enableEnhancedCivicAnswers": boolean,
	"frequencyPenalty": number(-noLimit, noLimit), "imageConfig": anyObj, "logprobs": integer(-noLimit, noLimit),
	"maxOutputTokens": integer(-noLimit, noLimit), "mediaResolution": text, "presencePenalty": number(-noLimit, noLimit),
	"responseJsonSchema": anything, "responseLogprobs": boolean, "responseMimeType": text,
	"responseModalities": list(0, 0, text), "responseSchema": googleSchema, "seed": integer(-noLimit, noLimit),
	"speechConfig": anyObj, "stopSequences": list(0, 0, text), "temperature": number(-noLimit, noLimit),
	"thinkingConfig": object(map[string]rule{
		"includeThoughts": boolean, "thinkingBudget": integer(-noLimit, noLimit),
		"thinkingLevel": enum("THINKING_LEVEL_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH", "minimal", "low", "medium", "high"),
	}),
	"topK": number(-noLimit, noLimit), "topP": number(-noLimit, noLimit),
})

// googleSchema is the subset of OpenAPI that parameters and responseSchema are written in.
func googleSchema(at *path, v any) *fault {
	self := rule(googleSchema)
	return object(map[string]rule{
		"anyOf": list(0, 0, self), "default": anything, "description": text, "enum": list(0, 0, text), "example": anything,
		"format": text, "items": self, "maxItems": anything, "maxLength": anything, "maxProperties": anything,
		"maximum": number(-noLimit, noLimit), "minItems": anything, "minLength": anything, "minProperties": anything,
		"minimum": number(-noLimit, noLimit), "nullable": boolean, "pattern": text, "properties": dict(self),
		"propertyOrdering": list(0, 0, text), "required": list(0, 0, text), "title": text,
		"type": enum("TYPE_UNSPECIFIED", "STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL",
			"string", "number", "integer", "boolean", "array", "object", "null"),
	})(at, v)
}

var googleBase64 = regexp.MustCompile(`^[A-Za-z0-9+/_-]*={0,2}$`)

// googleBytes is base64, of either alphabet.
var googleBytes = sized(0, 0, googleBase64)

// googleName is what a function may be called.
var googleName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}$`)

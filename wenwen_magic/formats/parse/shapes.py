"""Know by their names what the fields of an answer hold: pictures, videos, words, thoughts, or more fields.

A new shape is a name more in a table here. Names are compared in lower case and without ``_`` and ``-``, for servers
write the same one as ``b64_json``, ``image-url``, ``imageURL`` or ``ResultImage``. ``{"data": [{"url": ...}]}`` is on
wenwen's page 修改图片(images), dall-e-2; the other names are those of OpenAI, Google, Anthropic, MCP, Azure, Bedrock,
DashScope, MiniMax, ModelScope, Cloudflare, Replicate, Ollama, Dify, Coze, Stability, fal, Kling, Luma, Leonardo, BFL,
Runware, Tencent, Volcengine, Baidu, iFlytek and servers of the relay's family (not seen on wenwen's pages). Of tasks in
place of a picture they are those of asynchronous servers of the relay's family.
"""

BASE64 = (
    *("b64json", "b64", "base64", "imagebase64", "b64image", "imageb64", "base64image", "imagebase64data"),
    *("bytesbase64encoded", "imagebytes", "videobytes", "binarydatabase64", "partialimageb64", "bytes", "blob"),
    *("videobase64", "base64video", "videob64", "b64video"),
)
"""Hold a picture in base64."""
ADDRESSES = (
    *("url", "imageurl", "image", "result", "fileuri", "uri", "imageuri", "imgurl", "img", "picture", "pictureurl"),
    *("resultimage", "resultimageurl", "outputimage", "outputurl", "downloadurl", "fileurl", "publicurl", "ossurl"),
    *("sample", "originalurl", "cdnurl", "src", "pic", "picurl", "photo", "photourl"),
)
"""Hold a picture's address, or base64 that begins as a picture does; an address that ends in ``.png`` or the like may
stand under any name."""
MEDIA_TYPES = ("image/", "application/octet-stream", "binary/octet-stream", "video/")
"""Begin the types that an answer may name for a picture or a video."""
IMAGE_TYPES = {"image", "input_image", "output_image", "base64"}
"""Mark ``data`` as a picture's base64, by an object's ``type``."""
TYPES = ("outputformat", "mimetype", "mediatype", "contenttype", "format", "mime")
"""Name the type of an object's picture or video."""
CHATS = {"choices", "candidates"}
"""Hold what a model said; each item is a text of its own."""
WRAPPERS = {
    *("data", "images", "imageurls", "urls", "output", "outputs", "results", "outputimages", "resulturls"),
    *("imagelist", "generatedimages", "generations", "finalimagelist", "pictures", "artifacts", "predictions"),
    *("generatedsamples", "response", "responses", "item", "filedata", "inlinedata", "source", "message", "delta"),
    *("content", "parts", "part", "contentblock", "files", "assets", "attachments", "taskresult"),
    *("subtaskresultlist", "resource", "text", "generationsbypk", "payload", "body", "resp", "generatevideoresponse"),
    *("toolresult", "promptfeedback", "incompletedetails", "audio", "resultjson", "imgs", "pics", "photos", "imgurls"),
}
"""Hold results further inside: an object, a list, one address, or base64 that begins as a picture does."""
VIDEOS = {
    *("video", "videos", "videourl", "videourls", "videouri", "videolist", "outputvideo", "generatedvideos"),
    *("mp4", "mp4url"),
}
"""Hold a video, however it is written."""
ECHOES = {
    *("input", "inputs", "request", "parameters", "params", "prompt", "origprompt", "actualprompt", "negativeprompt"),
    *("inputimage", "inputimages", "initimage", "initimages", "sourceimage", "sourceimages", "referenceimages"),
    *("referenceimage", "referenceimageurl", "refimages", "mask", "maskimage", "originalimage", "imageprompt"),
    *("inputreference", "tools", "instructions", "metadatainput", "usage", "error", "errors", "safetyratings"),
    *("messages", "history", "avatar", "avatarurl", "icon", "logo", "user", "author", "documentation", "webhook"),
    *("callback", "notifyhook", "inputvideo", "inputvideourl", "sourcevideo", "sourcevideourl", "originalvideo"),
    *("referencevideo", "referencevideos", "referencevideourl", "refvideo", "refvideourl", "videoprompt"),
    *("qrcode", "qrcodes", "qrcodeurl", "qrcodeimage", "qrcodeimg", "qrurl", "payurl", "paymenturl"),  # to pay with
}
"""Hold what was asked, or what is about the answer and not in it."""
TEXTS = {"content", "text", "answer", "outputtext", "delta", "completion", "generatedtext", "transcript"}
"""Hold words of the answer, which may hold pictures."""
VALUES = {
    *("data", "result", "response", "output", "outputs", "body", "payload", "resp", "results", "message", "resultjson"),
}
"""Hold, where the value is a text, one address, base64, JSON once more, or words."""
REASONING = {"reasoningcontent", "reasoning", "thinking"}
"""Hold thoughts on the way to an answer."""
THOUGHTS = ("thinking", "reasoning", "thought")
"""Mark an object as a thought, by a piece of its ``type``."""
ARGUMENTS = {"arguments", "partialjson"}
"""Hold the JSON text with which a model calls a function, whole or in pieces."""
NUMBERS = ("taskid", "jobid", "videoid", "taskuuid", "predictionid", "generationid")
"""Hold the number of a task, as a plain ``id`` may."""
STATES = ("taskstatus", "taskstate", "jobstatus", "videostatus", "status", "state")
"""Hold the word for a task's state; the last two are also those of an answer itself."""
WAITING = {
    *("queued", "queueing", "queuing", "in_queue", "pending", "submitted", "submit", "processing", "in_progress"),
    *("running", "starting", "started", "created", "waiting", "not_start", "scheduled", "generating", "accepted"),
    *("dreaming", "drawing", "rendering", "executing", "initializing", "preparing", "not_started", "inprogress"),
    *("doing",),
}
"""Mean that a task goes on."""
ABOUT = {"id", "created", "object", "model", "modelversion", "usage", "usagemetadata", "requestid", "type", "event"}
"""Are no answer by themselves."""

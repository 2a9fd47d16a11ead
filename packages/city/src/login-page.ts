/** What an old export system answers once its session is over. */
export const LOGIN_PAGE = `<!DOCTYPE html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>统一身份认证</title></head>
<body><form method="post" action="/login"><h1>会话已过期，请重新登录</h1>
<input name="user"><input name="password" type="password"><button>登录</button></form></body></html>
`;

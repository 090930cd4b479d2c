// texts: what the pages say, in Japanese and English.
const texts = {
  title: ['デモ行政サービス', 'Demo administrative services'],
  lead: [
    '襷(たすき)で認証を受ける行政サービスの見本です。サービスを選ぶとサインインします。一度サインインすると、ほかのサービスではパスワードを聞かれません。',
    'Services that sign people in with Tasuki. Choose one to sign in; after that, no other service asks for the password.',
  ],
  government: ['政府の行政サービス', 'Government services'],
  other: ['その他のサービス(同意画面あり)', 'Other services (with a consent page)'],
  since: ['開始', 'since'],
  signedIn: ['サインイン済み', 'signed in'],
  signIn: ['サインインする', 'Sign in'],
  back: ['一覧へ戻る', 'Back to the list'],
  account: ['アカウント', 'Account'],
  claims: ['受け取った属性(userinfo)', 'Attributes received (userinfo)'],
  idToken: ['IDトークン', 'ID token'],
  header: ['ヘッダー', 'Header'],
  payload: ['内容', 'Payload'],
  tokens: ['トークンの形', 'Shape of the tokens'],
  accessToken: ['アクセストークン', 'Access token'],
  refreshToken: ['リフレッシュトークン', 'Refresh token'],
  expires: ['有効期限', 'expires'],
  none: ['なし', 'none'],
  opaque: ['不透明', 'opaque'],
  characters: ['文字', 'characters'],
  answeredBy: ['応答したノード', 'Nodes that answered'],
  refresh: ['トークンを更新', 'Refresh the tokens'],
  userinfo: ['属性を取り直す', 'Fetch the attributes again'],
  leave: ['このサービスからサインアウト', 'Sign out of this service'],
  leaveAll: ['襷からもサインアウト', 'Sign out of Tasuki too'],
  notSignedIn: ['サインインしていません。', 'You are not signed in.'],
  toldOut: [
    '襷でのサインアウトがこのサービスに知らされました(バックチャネルログアウト):',
    'Tasuki told this service that you signed out there (back-channel logout):',
  ],
  failed: ['サインインできませんでした', 'The sign-in did not succeed'],
  again: ['もう一度試す', 'Try again'],
  notFound: ['ページがありません', 'There is no such page'],
  demo: ['デモ環境', 'Demo environment'],
  switchTo: ['English', '日本語'],
  refreshed: ['回更新しました', 'times refreshed'],
  details: ['プロバイダーの応答', 'The provider said'],
};

export const translate = (lang) => (name) => texts[name][lang === 'en' ? 1 : 0];

// The switch's cookie first, then the browser's first known language.
export function chooseLanguage(cookie, acceptLanguage = '') {
  if (cookie === 'ja' || cookie === 'en') return cookie;
  const tags = acceptLanguage
    .slice(0, 500)
    .split(',')
    .map((part) => {
      const [tag, q] = part.trim().split(/\s*;\s*q=/);
      return { tag: tag.toLowerCase(), q: q === undefined ? 1 : Number(q) || 0 };
    })
    .sort((a, b) => b.q - a.q);
  const known = tags.find(({ tag }) => /^(ja|en)\b/.test(tag));
  return known ? known.tag.slice(0, 2) : 'ja';
}

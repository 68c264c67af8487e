import { useId, useState } from 'react';
import { errorText } from './error-text.js';
import { TEXTS } from './texts.js';

interface SignInProps {
  /** Why the user has to sign in again. */
  readonly notice: string | null;
  readonly onSignIn: (token: string) => Promise<void>;
}

export function SignIn({ notice, onSignIn }: SignInProps) {
  const { title, label, hint, button, checking } = TEXTS.signIn;
  const [token, setToken] = useState('');
  const [isChecking, setChecking] = useState(false);
  const [problem, setProblem] = useState(notice);
  const id = useId();

  const submit = async (): Promise<void> => {
    setChecking(true);
    setProblem(null);
    try {
      await onSignIn(token.trim());
    } catch (error) {
      setProblem(errorText(error));
      setChecking(false);
    }
  };

  return (
    <main className="sign-in">
      <h1>{TEXTS.title}</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <h2>{title}</h2>
        <label htmlFor={id}>{label}</label>
        <input
          id={id}
          type="password"
          autoComplete="current-password"
          required
          value={token}
          onChange={({ target }) => setToken(target.value)}
        />
        <p className="quiet">{hint}</p>
        <p role="alert">{problem}</p>
        <button className="primary" type="submit" disabled={isChecking || token.trim() === ''}>
          {isChecking ? checking : button}
        </button>
      </form>
    </main>
  );
}
